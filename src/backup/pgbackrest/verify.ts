import { DwhError } from '../../errors.ts'
import { step, type Work } from '../../events.ts'
import { configured } from './config.ts'
import { listPhysical, type PhysicalBackup } from './info.ts'
import { pgBackRest } from './program.ts'
import { type Repository, readerOf } from './repository.ts'

/** Something in the repository that is not as it was written. */
export interface Finding {
  /** The backup that cannot be relied on; null where it is about WAL, which all backups before it need. */
  backup: string | null
  /** `invalid checksum: …/pg_data/base/5/1249.zst` */
  problem: string
}

export interface PhysicalVerified {
  /** Of those that were looked at. */
  backups: number
  /** Files of backups and WAL segments that were read to the end and hashed. */
  files: number
  segments: number
  findings: Finding[]
}

/** Consecutive WAL segments of one timeline, as pgBackRest found them in the archive. */
interface WalRange {
  archive: string
  first: string
  last: string
}

/**
 * Reads every file of the repository and compares it with what was written (`pgbackrest verify`), and beyond that whether the
 * archive holds all WAL that the backups need, without a gap behind them. Needs no database.
 *
 * @param only labels; then what is wrong with these, with those that they build on, and with WAL
 * @throws DwhError USAGE for a backup that is not there, TOOL_MISSING, PRIVILEGE_MISSING; findings are not thrown
 */
export async function verifyPhysical(
  repository: Repository,
  work: Work,
  { only = [], jobs }: { only?: string[]; jobs: number },
): Promise<PhysicalVerified> {
  const { backups, state, message } = await listPhysical(repository, work)
  const unknown = only.filter((label) => !backups.some(({ backup }) => backup === label))
  if (unknown.length > 0)
    throw new DwhError('USAGE', `there is no backup ${unknown.join(', ')}`, { hint: 'see: dwh backup list' })
  const chosen = only.length === 0 ? backups : backups.filter(({ backup }) => only.includes(backup))
  if (state === 'no stanza') return { ...nothing, findings: [{ backup: null, problem: message }] }
  return step(
    work,
    'verify',
    async () => {
      const said = await readRepository(repository, work, jobs)
      const problems = [
        ...said.findings,
        ...(backups.length > 0 ? [] : [{ backup: null, problem: message }]),
        ...chosen.filter(({ backup }) => !said.labels.includes(backup)).map(vanished),
        ...chosen.filter(({ damaged }) => damaged).map(damagedPages),
        ...missingWal(chosen, said.ranges),
        ...(isThinned(repository) ? [] : gaps(chosen, said.ranges)),
      ]
      const relevant = new Set(chosen.flatMap(({ backup, needs }) => [backup, ...needs]))
      const findings = problems.filter(({ backup }) => backup === null || relevant.has(backup))
      return { backups: chosen.length, files: said.files, segments: said.segments, findings }
    },
    ({ files, segments }) => `${files} files, ${segments} WAL segments`,
  )
}

const nothing = { backups: 0, files: 0, segments: 0 }

interface Said {
  files: number
  segments: number
  /** Of the backups that it looked at. */
  labels: string[]
  ranges: WalRange[]
  findings: Finding[]
}

async function readRepository(repository: Repository, work: Work, jobs: number): Promise<Said> {
  const said: Said = { files: 0, segments: 0, labels: [], ranges: [], findings: [] }
  const options = ['--output=text', '--verbose', `--process-max=${jobs}`]
  const out = await pgBackRest(repository, 'verify', options, {
    account: readerOf(repository),
    work,
    onLine: ({ level, text }) => {
      const [, archive, first, last] = /^archiveId: (\S+), wal start: (\w+), wal stop: (\w+)/.exec(text) ?? []
      if (archive && first && last) said.ranges.push({ archive, first, last })
      if (level !== 'DETAIL' || /does not match|missing or unusable/.test(text))
        said.findings.push(...findingIn(text))
    },
  })
  for (const line of out.split('\n')) {
    const [, segments] = /archiveId: \S+, total WAL checked: (\d+)/.exec(line) ?? []
    said.segments += Number(segments ?? 0)
    const [, label = null, state, files] =
      /backup: (\S+), status: ([\w -]+), total files checked: (\d+)/.exec(line) ?? []
    said.files += Number(files ?? 0)
    if (label) said.labels.push(label)
    if (state === 'manifest missing') said.findings.push({ backup: label, problem: state })
    const [info] = /No usable \S+ file/.exec(line) ?? []
    if (info) said.findings.push({ backup: null, problem: info })
  }
  // What it calls an error and does not tell in words that are known here.
  if (/^status: error/m.test(out) && said.findings.length === 0)
    said.findings.push({ backup: null, problem: out.trim() })
  return said
}

const fileProblem = /^(file missing|invalid checksum|invalid size|invalid result) '?([^'\s]+)'?:?\s*(.*)$/s

function findingIn(text: string): Finding[] {
  const [, what, file = '', more] = fileProblem.exec(text) ?? []
  if (what) {
    const backup = /(?:^|\/)(\d{8}-\d{6}F(?:_\d{8}-\d{6}[DI])?)(?:\/|$)/.exec(file)?.[1] ?? null
    return [{ backup, problem: `${what}: ${file}${more ? ` (${more})` : ''}` }]
  }
  return /archiveIds|does not match|missing or unusable/.test(text) ? [{ backup: null, problem: text }] : []
}

/** `verify` of older versions looks at the folders that it finds. */
function vanished({ backup }: PhysicalBackup): Finding {
  return { backup, problem: 'it is listed, and its folder is not there' }
}

function damagedPages({ backup }: PhysicalBackup): Finding {
  return { backup, problem: 'pages of the server had wrong checksums when it was made' }
}

function missingWal(backups: PhysicalBackup[], ranges: WalRange[]): Finding[] {
  return backups.flatMap(({ backup, wal }) => {
    if (
      !wal ||
      ranges.some(
        ({ first, last }) => first <= wal.first && wal.last <= last && sameTimeline(first, wal.first),
      )
    )
      return []
    return [{ backup, problem: `WAL is missing that it needs: ${wal.first} to ${wal.last}` }]
  })
}

/** Between two ranges of a timeline, behind the first of the backups: no time between them can be restored to. */
function gaps(backups: PhysicalBackup[], ranges: WalRange[]): Finding[] {
  const oldest = backups.flatMap(({ wal }) => wal?.first ?? []).toSorted()[0]
  if (oldest === undefined) return []
  return ranges.flatMap(({ archive, first, last }, index) => {
    const before = ranges[index - 1]
    const isGap = before?.archive === archive && sameTimeline(before.last, first) && last > oldest
    return isGap ? [{ backup: null, problem: `WAL is missing between ${before.last} and ${first}` }] : []
  })
}

const sameTimeline = (one: string, other: string) => one.slice(0, 8) === other.slice(0, 8)

/** A retention that leaves gaps on purpose: only the WAL that makes older backups consistent is kept. */
function isThinned(repository: Repository): boolean {
  return [...configured(repository).keys()].some((name) => /^repo\d*-retention-archive$/.test(name))
}
