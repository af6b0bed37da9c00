import {
  createPhysical,
  type PhysicalBackupPlan,
  planPhysicalBackup,
} from '../../backup/pgbackrest/create.ts'
import { byHand } from '../../backup/pgbackrest/failure.ts'
import { listPhysical, type PhysicalBackup } from '../../backup/pgbackrest/info.ts'
import { findRepository } from '../../backup/pgbackrest/repository.ts'
import { verifyPhysical } from '../../backup/pgbackrest/verify.ts'
import type { Context } from '../../cli/context.ts'
import { bytes, count, duration, moment, plural, printable } from '../../cli/format.ts'
import { recordedWherePossible } from '../../cli/recorded.ts'
import { table } from '../../cli/table.ts'
import { DwhError } from '../../errors.ts'
import type { Span } from '../../warehouse/values.ts'

// `dwh backup …` where the warehouse file says `engine: pgbackrest`.

/** Whether pgBackRest is meant: not where a folder of backups is named. */
export function isByPgBackRest(context: Context, folder: string | undefined): boolean {
  return folder === undefined && context.warehouseIfAny()?.backup.engine === 'pgbackrest'
}

interface CreateFlags {
  kind: PhysicalBackup['kind'] | undefined
  jobs: number | undefined
  timeout: Span | undefined
  dryRun: boolean
  yes: boolean
  json: boolean
}

export async function createByPgBackRest(context: Context, flags: CreateFlags): Promise<void> {
  const { kind, timeout, dryRun, yes, json } = flags
  const warehouse = context.warehouse()
  const repository = findRepository(warehouse)
  const jobs = flags.jobs ?? warehouse.backup.jobs
  const plan = await inspect(context, kind)
  if (dryRun) return json ? context.printJson(plan) : context.print(planText(plan))
  context.say(planText(plan))
  if (!(await context.confirm('Make it?', yes))) return context.say('nothing was changed')
  const { backup: made, damagedFiles } = await recordedWherePossible(
    context,
    [],
    ({ session, work }) => createPhysical(session, work, repository, { kind, jobs }),
    timeout,
  )
  if (json) context.printJson({ ...made, folder: repository.folder, damaged_files: damagedFiles })
  else
    context.say(
      `${made.backup}: ${bytes(made.data_bytes)} of data, ${bytes(made.bytes)} more in ${printable(repository.folder)}`,
    )
  if (made.damaged)
    throw new DwhError(
      'CHECK_FAILED',
      `the backup is made, but pages of the server have wrong checksums: ${damagedFiles.slice(0, 5).join(', ')}`,
      { hint: 'an earlier backup may hold them whole; look at the disk, and at: dwh backup list' },
    )
}

async function inspect(context: Context, kind: CreateFlags['kind']): Promise<PhysicalBackupPlan> {
  await using session = await context.openReadOnly()
  return await planPhysicalBackup(session, context.work, findRepository(context.warehouse()), kind)
}

const kinds = { full: 'A full', diff: 'A differential', incr: 'An incremental' }

function planText({ kind, stanza, folder, data, bytes: size, archiving }: PhysicalBackupPlan): string {
  return [
    `${kinds[kind]} backup by pgBackRest, stanza ${stanza}, in ${printable(folder)}`,
    `  the whole server: ${printable(data)}, ${bytes(size)} in its databases`,
    ...(archiving === null ? [] : [`  its WAL does not arrive there: ${printable(archiving)}`]),
    '  locks: none; the server begins a WAL segment anew, and writes a checkpoint',
    '',
  ].join('\n')
}

export async function listByPgBackRest(context: Context, json: boolean): Promise<void> {
  const list = await listPhysical(findRepository(context.warehouse()), context.work)
  const { folder, stanza, state, message, archives } = list
  const backups = list.backups
    .toReversed()
    .map((one) => ({ ...one, age: (Date.now() - Date.parse(one.at)) / 1000 }))
  if (json)
    context.printJson({
      ...{ folder, stanza, state, message, archives },
      backups: backups.map(({ age, ...one }) => ({ ...one, age_seconds: Math.round(age) })),
    })
  else {
    if (backups.length > 0) context.print(backupTable(context, backups))
    for (const { server, first, last } of archives)
      if (first && last) context.say(`WAL of PostgreSQL ${server}: ${first} to ${last}`)
    if (state !== 'ok') context.say(printable(`${folder}: ${message}`))
  }
  if (state === 'broken')
    throw new DwhError('CHECK_FAILED', `${folder} cannot be read: ${message}; nothing was changed`, {
      hint: 'see what is wrong: dwh backup verify',
    })
}

function backupTable(context: Context, backups: (PhysicalBackup & { age: number })[]): string {
  return table(
    context.streams.out,
    [
      { title: 'backup', value: ({ backup }) => backup },
      { title: 'ended', value: ({ at }) => moment(new Date(at)) },
      { title: 'age', value: ({ age }) => duration(age), align: 'right' },
      { title: 'took', value: ({ seconds }) => duration(seconds), align: 'right' },
      { title: 'size', value: (backup) => bytes(backup.bytes), align: 'right' },
      { title: 'data', value: ({ data_bytes }) => bytes(data_bytes), align: 'right' },
      { title: 'WAL', value: ({ wal }) => (wal ? `${wal.first} to ${wal.last}` : '') },
      { title: 'of', value: ({ server }) => `PostgreSQL ${server}` },
      { title: 'errors', value: ({ damaged }) => (damaged ? 'wrong checksums' : '') },
    ],
    backups,
  )
}

export async function verifyByPgBackRest(
  context: Context,
  { backups: named, latest, json }: { backups: string[]; latest: boolean; json: boolean },
): Promise<void> {
  const warehouse = context.warehouse()
  const repository = findRepository(warehouse)
  const newest = async () => (await listPhysical(repository, context.work)).backups.at(-1)?.backup ?? []
  const only = latest ? [await newest()].flat() : named
  const verified = await verifyPhysical(repository, context.work, { only, jobs: warehouse.backup.jobs })
  const { findings, backups, files, segments } = verified
  if (json) context.printJson(verified)
  else if (findings.length === 0)
    context.say(
      `${plural(backups, 'backup')} as they were written: ${count(files)} files, ${count(segments)} WAL segments`,
    )
  else
    for (const { backup, problem } of findings)
      context.print(printable(backup ? `${backup}: ${problem}` : problem))
  if (findings.length > 0)
    throw new DwhError('CHECK_FAILED', `${plural(findings.length, 'problem')}; nothing was changed`, {
      hint: 'make a full backup now: dwh backup create --type full',
    })
}

/** Retention is pgBackRest's own: it knows what builds on what, and which WAL goes with it. */
export function refusePruning(context: Context): never {
  const repository = findRepository(context.warehouse())
  throw new DwhError('USAGE', 'pgBackRest removes its backups itself; nothing was removed', {
    hint: `to keep four full ones with what builds on them, see first: ${byHand(repository)} --repo1-retention-full=4 --dry-run --log-level-console=info expire`,
  })
}
