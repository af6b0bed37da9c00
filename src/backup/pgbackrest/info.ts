import { existsSync } from 'node:fs'
import { z } from 'zod'
import { DwhError } from '../../errors.ts'
import type { Work } from '../../events.ts'
import type { Account } from '../../postgres/server/account.ts'
import { pgBackRest } from './program.ts'
import { type Repository, readerOf } from './repository.ts'

/** A backup of pgBackRest, as `dwh backup list` shows it. */
export interface PhysicalBackup {
  /** Its label, such as `20261122-101500F_20261123-101500I`. */
  backup: string
  /** Everything, what changed since the last full one, or since the last of any. */
  kind: 'full' | 'diff' | 'incr'
  /** The labels of those that it cannot be restored without. */
  needs: string[]
  /** When it ended, ISO 8601: the earliest time that it can be restored to. */
  at: string
  /** How long it took. */
  seconds: number
  /** What it added to the repository. */
  bytes: number
  /** Of the data folder that it brings back. */
  data_bytes: number
  /** The major version of the server. */
  server: string
  /** WAL segments without which it cannot be restored. */
  wal: { first: string; last: string } | null
  /** pgBackRest found pages whose checksum is wrong; null where the data has no checksums. */
  damaged: boolean | null
}

export interface PhysicalList {
  stanza: string
  /** Of the repository. */
  folder: string
  /** `mixed`: one of several repositories is not as the others. */
  state: 'ok' | 'no stanza' | 'no backup' | 'mixed' | 'broken'
  /** The same in the words of pgBackRest. */
  message: string
  /** What the archive has, one line for each cluster that the stanza has known. */
  archives: { id: string; server: string; first: string | null; last: string | null }[]
  /** The oldest first. */
  backups: PhysicalBackup[]
}

const status = z.object({ code: z.int(), message: z.string() })
const optional = z.string().nullish()
const range = z.object({ start: optional, stop: optional })

/** What is used of `pgbackrest info --output=json`. */
const stanzaSchema = z.object({
  status,
  repo: z.array(z.object({ status })).nullish(),
  db: z.array(z.object({ id: z.int(), 'repo-key': z.int(), version: z.string() })),
  archive: z.array(
    z.object({ id: z.string(), min: optional, max: optional, database: z.object({ id: z.int() }) }),
  ),
  backup: z.array(
    z.object({
      label: z.string(),
      type: z.enum(['full', 'diff', 'incr']),
      reference: z.array(z.string()).nullish(),
      timestamp: z.object({ start: z.int(), stop: z.int() }),
      info: z.object({ size: z.int(), repository: z.object({ delta: z.int() }) }),
      archive: range,
      database: z.object({ id: z.int() }),
      error: z.boolean().nullish(),
      'error-list': z.array(z.string()).nullish(),
      tablespace: z.array(z.object({ name: z.string(), destination: z.string() })).nullish(),
    }),
  ),
})

type Stanza = z.infer<typeof stanzaSchema>

/**
 * The backups of a repository, from the repository alone.
 *
 * @throws DwhError TOOL_MISSING, PRIVILEGE_MISSING when somebody else owns the repository
 */
export async function listPhysical(repository: Repository, work: Work): Promise<PhysicalList> {
  const { stanza, folder, config } = repository
  const account = readerOf(repository)
  if (!existsSync(config)) {
    if (repository.ours) return { stanza, folder, ...nothing, archives: [], backups: [] }
    throw new DwhError('CONFIG_INVALID', `there is no file ${config}`)
  }
  const info = await askInfo(repository, work, account, [])
  const versions = new Map(info.db.map(({ id, version }) => [id, version]))
  return {
    stanza,
    folder,
    state: states[info.status.code] ?? 'broken',
    message: messageOf(info),
    archives: info.archive.map(({ id, min, max, database }) => ({
      id,
      server: versions.get(database.id) ?? '',
      first: min ?? null,
      last: max ?? null,
    })),
    backups: info.backup.map((one) => asBackup(one, versions.get(one.database.id) ?? '')),
  }
}

const nothing = { state: 'no stanza', message: 'no backup was made yet' } as const

/** The numbers of its states; all others mean that something cannot be read. */
const states: Record<number, PhysicalList['state']> = {
  0: 'ok',
  1: 'no stanza',
  2: 'no backup',
  3: 'no stanza',
  4: 'mixed',
}

/** What only a look into its own manifest tells of a backup. */
export interface BackupDetails {
  /** Files of the data folder with pages whose checksum is wrong. */
  damagedFiles: string[]
  tablespaces: { name: string; folder: string }[]
}

export async function backupDetails(
  repository: Repository,
  work: Work,
  account: Account | undefined,
  label: string,
): Promise<BackupDetails> {
  const { backup } = await askInfo(repository, work, account, [`--set=${label}`])
  const found = backup.find((one) => one.label === label)
  return {
    damagedFiles: found?.['error-list'] ?? [],
    tablespaces: (found?.tablespace ?? []).map(({ name, destination }) => ({ name, folder: destination })),
  }
}

async function askInfo(
  repository: Repository,
  work: Work,
  account: Account | undefined,
  options: string[],
): Promise<Stanza> {
  const out = await pgBackRest(repository, 'info', ['--output=json', ...options], { account, work })
  const read = z.array(stanzaSchema).safeParse(JSON.parse(out))
  const stanza = read.data?.[0]
  if (!stanza)
    throw new DwhError('FAILED', 'this version of pgbackrest info says something else than dwh expects', {
      cause: read.error,
    })
  return stanza
}

/** `other` says nothing by itself; what a repository cannot be read for stands with it. */
function messageOf({ status: { message }, repo }: Stanza): string {
  return message === 'other' ? (repo ?? []).map((one) => one.status.message).join('; ') : message
}

function asBackup(one: Stanza['backup'][number], server: string): PhysicalBackup {
  const { start, stop } = one.archive
  return {
    backup: one.label,
    kind: one.type,
    needs: one.reference ?? [],
    at: new Date(one.timestamp.stop * 1000).toISOString(),
    seconds: one.timestamp.stop - one.timestamp.start,
    bytes: one.info.repository.delta,
    data_bytes: one.info.size,
    server,
    wal: start && stop ? { first: start, last: stop } : null,
    damaged: one.error ?? null,
  }
}
