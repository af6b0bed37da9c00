import { shellWord } from '../../backup/pgbackrest/failure.ts'
import { findRepository } from '../../backup/pgbackrest/repository.ts'
import type { Compared } from '../../backup/pgbackrest/restore/compare.ts'
import { type PhysicalPlan, type PhysicalWish, planPhysical } from '../../backup/pgbackrest/restore/plan.ts'
import { type PhysicalRestored, restorePhysical } from '../../backup/pgbackrest/restore/run.ts'
import type { Context } from '../../cli/context.ts'
import { bytes, count, printable } from '../../cli/format.ts'
import { table } from '../../cli/table.ts'

interface Flags extends PhysicalWish {
  keepRunning: boolean
  /** Read the tables of the datasets on both sides. */
  compare: boolean
  dryRun: boolean
  yes: boolean
  json: boolean
}

/** `dwh restore` where the warehouse file says `engine: pgbackrest`. The live server may be gone: nothing is asked of it. */
export async function restoreByPgBackRest(context: Context, flags: Flags): Promise<void> {
  const { keepRunning, compare, dryRun, yes, json, ...wish } = flags
  const warehouse = context.warehouse()
  const repository = findRepository(warehouse)
  const plan = await planPhysical(repository, context.work, wish)
  if (dryRun) return json ? context.printJson(planJson(plan)) : context.print(planText(plan))
  context.say(planText(plan))
  if (!(await context.confirm('Restore?', yes))) return context.say('nothing was changed')
  const restored = await restorePhysical(repository, context.work, plan, {
    live: context.connection().target,
    tables: compare ? warehouse.datasets.map(({ target }) => target) : [],
    keepRunning,
  })
  if (json) return context.printJson(restored)
  render(context, restored)
}

function planJson({ binaries, ...plan }: PhysicalPlan) {
  return { ...plan, backup: plan.backup.backup, server: binaries.version }
}

function planText(plan: PhysicalPlan): string {
  const { backup, end, folder, tablespaces, binaries, port, state } = plan
  const ends = {
    time: `everything that was committed by ${end.kind === 'time' ? end.at : ''}`,
    backup: `as it was when that backup ended, ${backup.at}`,
    archive: 'everything up to the last WAL that was archived',
  }
  const todo = {
    new: `${bytes(plan.bytes)} of data; the disk has ${bytes(plan.free_bytes)}`,
    resumes: `goes on with what an interrupted restore left there; ${bytes(plan.bytes)} of data`,
    restored: 'is restored already, and is started',
  }
  return [
    `backup  ${backup.backup} (${backup.kind}${backup.needs.length > 0 ? `, with ${backup.needs.join(', ')}` : ''})`,
    `until   ${ends[end.kind]}`,
    `into    ${folder}: ${todo[state]}`,
    ...tablespaces.map(({ name, from, to }) => `        tablespace ${name}: ${to}, not ${from}`),
    `server  PostgreSQL ${binaries.version} of ${binaries.folder}, port ${port}, for this machine only; it archives nothing`,
    'live    is not touched',
    ...plan.warnings.map((warning) => `!       ${warning}`),
  ]
    .map(printable)
    .join('\n')
}

function render(context: Context, restored: PhysicalRestored): void {
  const { compared, uncompared, last_transaction, folder } = restored
  if (compared.length > 0)
    context.print(
      table<Compared>(
        context.streams.out,
        [
          { title: 'table', value: (one) => one.table },
          { title: 'rows', value: ({ rows }) => (rows === null ? 'not there' : count(rows)), align: 'right' },
          {
            title: 'live rows',
            value: ({ live_rows, verdict }) =>
              live_rows === null ? (verdict === 'alone' ? '' : 'not there') : count(live_rows),
            align: 'right',
          },
          { title: 'equal leaves', value: (one) => `${one.equal_leaves} of ${one.leaves}`, align: 'right' },
          { title: 'verdict', value: ({ verdict }) => verdict },
        ],
        compared,
      ),
    )
  if (uncompared) context.say(printable(uncompared))
  if (last_transaction) context.say(`the last transaction that was recovered: ${last_transaction}`)
  context.say(
    restored.running
      ? connectText(restored)
      : `the data is in ${folder}; the same command with --keep-running starts it`,
  )
}

function connectText({ host, port, role, database, folder, pg_ctl, user }: PhysicalRestored): string {
  const psql = `psql --host=${shellWord(host)} --port=${port} --username=${shellWord(role)} --dbname=${shellWord(database)}`
  const stop = `sudo -u ${user} ${shellWord(pg_ctl)} --pgdata=${shellWord(`${folder}/data`)} stop`
  return `it runs, for root and ${user}:\n  ${psql}\nto stop it:\n  ${stop}`
}
