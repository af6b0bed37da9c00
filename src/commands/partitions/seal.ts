import type { Temporal } from 'temporal-polyfill'
import { z } from 'zod'
import { argument, command, option, shared } from '../../cli/command.ts'
import { partitionedDataset } from '../../cli/datasets.ts'
import { bytes, plural, printable } from '../../cli/format.ts'
import { recorded } from '../../cli/recorded.ts'
import { DwhError } from '../../errors.ts'
import { type LeafChoice, planSeal, type SealPlan, sealLeaves } from '../../partitions/seal.ts'
import { shown } from '../../postgres/identifiers.ts'
import { calendarDate } from '../../warehouse/values.ts'

export const partitionsSeal = command({
  name: 'seal',
  summary: 'close leaves: nothing can be written into them, and backups need not read them again',
  description:
    'Puts triggers on leaves that refuse INSERT, UPDATE, DELETE and TRUNCATE, whoever writes and whichever way. Later ' +
    'backups refer to what an earlier one has of a sealed leaf. What may have changed its rows nevertheless (it was ' +
    'detached, rewritten, a trigger was touched …) makes the seal void, and it can be sealed anew. Each leaf is sealed in its own ' +
    'transaction under the lock ladder: its writers are waited for, its readers go on.',
  arguments: {
    dataset: argument('<dataset>', 'whose leaves are sealed', z.string()),
    leaves: argument('[leaf...]', 'leaves by their names', z.array(z.string()).default([])),
  },
  options: {
    before: option('--before <date>', 'leaves that end at this date or before it', calendarDate.optional()),
    dryRun: shared.dryRun,
    yes: shared.yes,
    json: shared.json,
  },
  exits: { 6: 'a lock did not come within the ladder: the leaves before it stay sealed' },
  examples: [
    'dwh partitions seal fait_factures fait_factures_2021 fait_factures_2022',
    'dwh partitions seal fait_factures --before 2024 --yes',
    'dwh partitions seal fait_factures --before 2024-07 --dry-run',
  ],
  async run(context, { dataset: name, leaves, before, dryRun, yes, json }) {
    const dataset = partitionedDataset(context, name)
    await using session = await context.openReadOnly()
    const plan = await planSeal(session, dataset, choiceOf(leaves, before))
    if (dryRun && json) return context.printJson(planJson(plan))
    if (dryRun) return context.print(lines(plan))
    let sealed: { leaf: string; seal: string }[] = []
    if (plan.leaves.length > 0) {
      context.say(lines(plan))
      if (!(await context.confirm('Seal them?', yes))) return context.say('nothing was changed')
      const warehouse = context.warehouse().name
      sealed = await recorded(context, [name], async ({ session, work, run }) =>
        (await sealLeaves(session, work, plan, { run, warehouse })).map(({ seal, ...leaf }) => ({
          leaf: shown(leaf),
          seal,
        })),
      )
    }
    if (json) context.printJson({ sealed, already_sealed: plan.sealed.map(shown) })
    else if (sealed.length > 0) context.say(`${plural(sealed.length, 'leaf', 'leaves')} sealed`)
    else
      context.say(
        plan.sealed.length > 0 ? 'nothing to do: they are sealed' : 'nothing to do: no leaf ends before that',
      )
  },
})

/** @throws DwhError USAGE where nothing says which leaves, or two things do */
function choiceOf(names: string[], before: Temporal.PlainDate | undefined): LeafChoice {
  const isNamed = names.length > 0
  const isDated = before !== undefined
  if (isNamed === isDated) {
    throw new DwhError('USAGE', 'name the leaves, or say --before which date they end; nothing was changed', {
      hint: 'see: dwh partitions list',
    })
  }
  return isDated ? { before } : { names }
}

function lines({ leaves, sealed }: SealPlan): string {
  const each = leaves.map((leaf) => {
    const rows = leaf.rows === undefined ? '' : `about ${plural(leaf.rows, 'row')}, `
    const why = leaf.void ? `; its seal is void: ${leaf.void.why}` : ''
    return `  ${shown(leaf)}  ${rows}${bytes(leaf.bytes)}${why}`
  })
  return [
    ...(leaves.length > 0 ? [`${plural(leaves.length, 'leaf', 'leaves')} to seal:`, ...each] : []),
    ...(sealed.length > 0 ? [`sealed already: ${sealed.map(shown).join(', ')}`] : []),
    ...(leaves.length + sealed.length === 0 ? ['no leaf ends before that'] : []),
  ]
    .map(printable)
    .join('\n')
}

function planJson({ leaves, sealed }: SealPlan) {
  return {
    to_seal: leaves.map((leaf) => ({
      leaf: shown(leaf),
      from: leaf.range?.from.join(', ') ?? null,
      to: leaf.range?.to.join(', ') ?? null,
      rows: leaf.rows ?? null,
      bytes: leaf.bytes,
      void: leaf.void?.why ?? null,
    })),
    already_sealed: sealed.map(shown),
  }
}
