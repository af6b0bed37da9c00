import type { Context } from '../../cli/context.ts'
import { plural } from '../../cli/format.ts'
import { recorded } from '../../cli/recorded.ts'
import { conversionTables, finishConversion, undoConversion } from '../../convert/undo.ts'
import { DwhError } from '../../errors.ts'
import { type Conversion, listConversions } from '../../ledger/conversions.ts'
import { underLease } from '../../ledger/lease.ts'
import { ledgerPresence } from '../../ledger/migrations.ts'
import { shown } from '../../postgres/identifiers.ts'
import { setupLease } from '../../setup/run.ts'
import type { Span } from '../../warehouse/values.ts'

interface Answers {
  yes: boolean
  timeout?: Span | undefined
  dryRun: boolean
  json: boolean
}

/** `dwh setup --finish`: drops the plain tables that conversions have kept. */
export async function finish(context: Context, { yes, dryRun, timeout, json }: Answers): Promise<void> {
  const conversions = (await openConversions(context)).filter(({ swapped_at }) => swapped_at)
  const tables = conversions.map((conversion) => shown(conversionTables(conversion).before))
  if (conversions.length === 0) throw nothing('no plain table is kept', 'finish')
  context.say(`to drop for good, without a way back:\n${tables.map((name) => `  ${name}\n`).join('')}`)
  if (dryRun) return json ? context.printJson({ to_drop: tables }) : undefined
  if (!(await context.confirm(`Drop ${plural(tables.length, 'table')}?`, yes)))
    return context.say('nothing was changed')
  await recorded(
    context,
    conversions.map(({ dataset }) => dataset),
    ({ session, work, run }) =>
      underLease(session, work, setupLease, run, async (lease) => {
        for (const conversion of conversions) await finishConversion(session, work, lease, conversion)
        return { dropped: tables }
      }),
    timeout,
  )
  if (json) context.printJson({ dropped: tables })
}

/** `dwh setup --undo`: puts the plain tables back under their names. */
export async function undo(context: Context, { yes, dryRun, timeout, json }: Answers): Promise<void> {
  const conversions = await openConversions(context)
  if (conversions.length === 0) throw nothing('no conversion can be undone', 'undo')
  const tables = conversions.map((conversion) => shown(conversionTables(conversion).table))
  context.say(
    `to put back as plain tables, as they were before setup:\n${tables.map((name) => `  ${name}\n`).join('')}` +
      'a partitioned table that was written to since is kept as <name>_after_setup, else it is dropped\n',
  )
  if (dryRun) return json ? context.printJson({ to_undo: tables }) : undefined
  if (!(await context.confirm(`Put ${plural(tables.length, 'table')} back?`, yes)))
    return context.say('nothing was changed')
  const undone = await recorded(
    context,
    conversions.map(({ dataset }) => dataset),
    ({ session, work, run }) =>
      underLease(session, work, setupLease, run, async (lease) => {
        const results = []
        for (const conversion of conversions) {
          const { table, keptAs } = await undoConversion(session, work, lease, conversion)
          results.push({ table: shown(table), kept_as: keptAs ? shown(keptAs) : null })
        }
        return results
      }),
    timeout,
  )
  if (json) return context.printJson({ undone })
  for (const { table, kept_as } of undone) {
    if (kept_as)
      context.say(
        `${table} had been written to since its conversion: those rows are in ${kept_as} only; drop it when you have them`,
      )
  }
}

async function openConversions(context: Context): Promise<Conversion[]> {
  await using session = await context.openReadOnly()
  if (!(await ledgerPresence(session)).has_ledger) return []
  const all = await listConversions(session, context.warehouse().name)
  return all.filter(({ undone_at, finished_at }) => !undone_at && !finished_at)
}

function nothing(what: string, verb: string): DwhError {
  return new DwhError(
    'USAGE',
    `${what}: there is nothing to ${verb}, or it was finished already; nothing was changed`,
    {
      hint: 'see: dwh runs list',
    },
  )
}
