import { createPhysical } from '../../backup/pgbackrest/create.ts'
import { listPhysical, type PhysicalBackup } from '../../backup/pgbackrest/info.ts'
import { findRepository } from '../../backup/pgbackrest/repository.ts'
import { verifyPhysical } from '../../backup/pgbackrest/verify.ts'
import type { Context } from '../../cli/context.ts'
import { bytes, count, duration, moment, plural } from '../../cli/format.ts'
import { recorded } from '../../cli/recorded.ts'
import { table } from '../../cli/table.ts'
import { DwhError } from '../../errors.ts'

// `dwh backup …` where the warehouse file says `engine: pgbackrest`.

export async function createByPgBackRest(
  context: Context,
  { kind, json }: { kind: PhysicalBackup['kind'] | undefined; json: boolean },
): Promise<void> {
  const warehouse = context.warehouse()
  const repository = findRepository(warehouse)
  const { jobs } = warehouse.backup
  const created = await recorded(context, [], ({ session, work }) =>
    createPhysical(session, work, repository, { kind, jobs }),
  )
  const { backup: made, damagedFiles } = created
  if (json) context.printJson({ engine: 'pgbackrest', ...made, damaged_files: damagedFiles })
  else
    context.say(
      `${made.backup}: ${made.kind}, ${bytes(made.data_bytes)} of data, ${bytes(made.bytes)} in ${repository.folder}`,
    )
  if (made.damaged)
    throw new DwhError(
      'CHECK_FAILED',
      `the backup is made, but pages of the server have wrong checksums: ${damagedFiles.slice(0, 5).join(', ')}`,
      { hint: 'an earlier backup may hold them whole; look at the disk, and at: dwh backup list' },
    )
}

export async function listByPgBackRest(context: Context, { json }: { json: boolean }): Promise<void> {
  const list = await listPhysical(findRepository(context.warehouse()), context.work)
  if (json) return context.printJson({ engine: 'pgbackrest', ...list })
  const now = Date.now()
  const age = ({ made_at }: PhysicalBackup) => duration((now - Date.parse(made_at)) / 1000)
  if (list.backups.length > 0)
    context.print(
      table<PhysicalBackup>(
        context.streams.out,
        [
          { title: 'backup', value: ({ backup }) => backup },
          { title: 'kind', value: ({ kind }) => kind },
          { title: 'ended', value: ({ made_at }) => moment(new Date(made_at)) },
          { title: 'age', value: age, align: 'right' },
          { title: 'took', value: ({ seconds }) => duration(seconds), align: 'right' },
          { title: 'size', value: (backup) => bytes(backup.bytes), align: 'right' },
          { title: 'data', value: ({ data_bytes }) => bytes(data_bytes), align: 'right' },
          { title: 'WAL', value: ({ wal }) => (wal ? `${wal.first} to ${wal.last}` : '') },
          { title: 'errors', value: ({ damaged }) => (damaged ? 'wrong checksums' : '') },
        ],
        list.backups,
      ),
    )
  for (const { server, first, last } of list.archives)
    if (first && last) context.say(`WAL of PostgreSQL ${server}: ${first} to ${last}`)
  if (list.state !== 'ok') context.say(`${list.repository}: ${list.message}`)
  if (list.state === 'broken')
    throw new DwhError('CHECK_FAILED', `${list.repository} cannot be read; nothing was changed`, {
      hint: 'see what is wrong: dwh backup verify',
    })
}

export async function verifyByPgBackRest(
  context: Context,
  { backup, json }: { backup: string | undefined; json: boolean },
): Promise<void> {
  const warehouse = context.warehouse()
  const { jobs } = warehouse.backup
  const verified = await verifyPhysical(findRepository(warehouse), context.work, { only: backup, jobs })
  const { findings, backups, files, segments } = verified
  if (json) context.printJson({ engine: 'pgbackrest', ...verified })
  else if (findings.length > 0)
    context.print(
      table(
        context.streams.out,
        [
          { title: 'backup', value: ({ backup: label }) => label },
          { title: 'problem', value: ({ problem }) => problem },
        ],
        findings,
      ),
    )
  else
    context.say(
      `${plural(backups, 'backup')} as they were written: ${count(files)} files, ${count(segments)} WAL segments`,
    )
  if (findings.length > 0)
    throw new DwhError('CHECK_FAILED', `${plural(findings.length, 'problem')}; nothing was changed`, {
      hint: 'make a full backup now: dwh backup create --type full',
    })
}
