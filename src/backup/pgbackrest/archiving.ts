import { setTimeout as sleep } from 'node:timers/promises'
import { DwhError } from '../../errors.ts'
import type { Work } from '../../events.ts'
import { literal } from '../../postgres/identifiers.ts'
import type { Session } from '../../postgres/session.ts'
import { sql } from '../../postgres/sql-files.ts'
import type { Archiving, Cluster } from './cluster.ts'
import { shellWord } from './failure.ts'
import { findPgBackRest, pgBackRest } from './program.ts'
import type { Repository } from './repository.ts'

/** The archiver of PostgreSQL tries a segment as often before it pauses for a minute. */
const archiverAttempts = 3

/** A setting of the server that keeps its WAL out of the repository, and what it has to be. */
interface Objection {
  name: keyof Archiving
  value: string
  why: string
}

export function archivingObjections(repository: Repository, { archiving }: Cluster): Objection[] {
  const { wal_level, archive_mode, archive_library } = archiving
  const command = objectionTo(archiving, repository)
  const all: (Objection | false)[] = [
    wal_level === 'minimal' && {
      ...{ name: 'wal_level', value: 'replica' },
      why: 'wal_level is minimal: such WAL brings nothing back',
    },
    archive_mode === 'off' && { name: 'archive_mode', value: 'on', why: 'archive_mode is off' },
    archive_library !== '' && {
      ...{ name: 'archive_library', value: '' },
      why: `archive_library is ${archive_library}`,
    },
    command !== undefined && { name: 'archive_command', value: archiveCommand(repository), why: command },
  ]
  return all.filter((objection) => objection !== false)
}

/**
 * Makes sure by the settings of the server that it hands its WAL to this repository.
 *
 * @throws DwhError CONFIG_INVALID with what to type
 */
export function refuseWithoutArchiving(repository: Repository, cluster: Cluster): void {
  const objections = archivingObjections(repository, cluster)
  if (objections.length === 0) return
  const statements = objections.map(({ name, value }) => `  ALTER SYSTEM SET ${name} = ${literal(value)};`)
  const needsRestart = objections.some(({ name }) => name === 'wal_level' || name === 'archive_mode')
  const last = needsRestart ? '  and restart the server' : '  SELECT pg_reload_conf();'
  throw new DwhError(
    'CONFIG_INVALID',
    `the server does not archive its WAL into ${repository.folder}: ${objections.map(({ why }) => why).join('; ')}; nothing was backed up`,
    { hint: `type in psql:\n${[...statements, last].join('\n')}\nthen the same command again` },
  )
}

/** The archive_command that hands a segment to the repository. PostgreSQL reads %% as %. */
export function archiveCommand({ config, stanza }: Repository): string {
  const words = [findPgBackRest().path, `--config=${config}`, `--stanza=${stanza}`, 'archive-push']
  return `${words.map(shellWord).join(' ').replaceAll('%', '%%')} "%p"`
}

/** Where pgBackRest looks when it is told no configuration. */
const standardConfigs = ['/etc/pgbackrest/pgbackrest.conf', '/etc/pgbackrest.conf']

function objectionTo({ archive_mode, archive_command: command }: Archiving, repository: Repository) {
  // What a server shows that archives nothing.
  if (archive_mode === 'off' || command === '' || command === '(disabled)')
    return 'archive_command is not set'
  if (command === archiveCommand(repository)) return undefined
  const words = shellWords(command)
  const told = (option: string) =>
    words.flatMap((word, index) => {
      if (word === `--${option}`) return words[index + 1] ?? []
      return word.startsWith(`--${option}=`) ? word.slice(option.length + 3) : []
    })[0]
  if (!/pgbackrest\b.*\barchive-push\b/s.test(command) || !command.includes('%p'))
    return `archive_command is ${command}`
  const { config, stanza } = repository
  const isTold =
    told('config') === config || (standardConfigs.includes(config) && told('config') === undefined)
  if (!isTold) return `archive_command goes by ${told('config') ?? 'the standard configuration'}`
  return told('stanza') === stanza ? undefined : `archive_command is for the stanza ${told('stanza')}`
}

/**
 * Has the server end a WAL segment and waits until it has arrived in the repository: `pgbackrest check`. It would wait a minute
 * for a segment that archive_command refuses again and again; the server's own account of it is watched meanwhile.
 *
 * @throws DwhError BACKUP_FAILED when segments do not arrive
 */
export async function checkArchiving(
  session: Session,
  work: Work,
  repository: Repository,
  { account, archiving }: Cluster,
): Promise<void> {
  const stop = new AbortController()
  const signal = AbortSignal.any([work.signal, stop.signal])
  const before = await archiver(session)
  const watch = async () => {
    for (;;) {
      await sleep(300, undefined, { signal })
      const { failures, is_failing, segment } = await archiver(session)
      if (!is_failing || failures - before.failures < archiverAttempts) continue
      const message = `archive_command failed ${archiverAttempts} times in a row on the WAL segment ${segment}`
      stop.abort(
        new DwhError('BACKUP_FAILED', `${message}; no backup was made, and the server keeps its WAL`, {
          hint: `the log of the server says why; archive_command is: ${archiving.archive_command}`,
        }),
      )
    }
  }
  const watching = watch().catch(() => {})
  try {
    await pgBackRest(repository, 'check', [], { account, work: { ...work, signal } })
  } finally {
    stop.abort()
    await watching
  }
}

interface Archiver {
  failures: number
  segment: string | null
  is_failing: boolean
}

async function archiver(session: Session): Promise<Archiver> {
  return session.one<Archiver>(sql('backup/archiver'))
}

/** The words of a command, as a shell would read them where it has nothing to expand. */
function shellWords(command: string): string[] {
  const words = command.match(/(?:[^\s'"]|'[^']*'|"[^"]*")+/g) ?? []
  return words.map((word) => word.replace(/'([^']*)'|"([^"]*)"/g, '$1$2'))
}
