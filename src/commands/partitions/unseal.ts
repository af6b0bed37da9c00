import { z } from 'zod'
import { argument, command, flag, shared } from '../../cli/command.ts'
import { partitionedDataset } from '../../cli/datasets.ts'
import { plural, printable } from '../../cli/format.ts'
import { recorded } from '../../cli/recorded.ts'
import { DwhError } from '../../errors.ts'
import type { Seal } from '../../ledger/seals.ts'
import { planUnseal, unsealLeaves } from '../../partitions/unseal.ts'
import { shown } from '../../postgres/identifiers.ts'

export const partitionsUnseal = command({
  name: 'unseal',
  summary: 'open sealed leaves again, or give up seals that are void',
  description:
    'Takes the triggers of seals away. The next backup has such a leaf as a whole; sealed again, it gets another seal. Also for ' +
    'the seals of tables that are leaves no more, or gone.',
  arguments: {
    dataset: argument('<dataset>', 'whose leaves are unsealed', z.string()),
    leaves: argument('[leaf...]', 'leaves by their names', z.array(z.string()).default([])),
  },
  options: {
    all: flag('--all', 'all that are sealed'),
    dryRun: shared.dryRun,
    yes: shared.yes,
    json: shared.json,
  },
  exits: { 6: 'a lock did not come within the ladder: the leaves before it stay unsealed' },
  examples: [
    'dwh partitions unseal fait_factures fait_factures_2022',
    'dwh partitions unseal fait_factures --all --yes',
  ],
  async run(context, { dataset: name, leaves, all, dryRun, yes, json }) {
    const dataset = partitionedDataset(context, name)
    const isNamed = leaves.length > 0
    if (isNamed === all)
      throw new DwhError('USAGE', 'name the leaves, or say --all; nothing was changed', {
        hint: `see: dwh partitions list ${name}`,
      })
    await using session = await context.openReadOnly()
    const plan = await planUnseal(session, dataset, all ? undefined : leaves)
    if (dryRun && json)
      return context.printJson({ to_unseal: plan.seals.map(planJson), not_sealed: plan.open })
    if (dryRun) return context.print(lines(plan.seals))
    let unsealed: string[] = []
    if (plan.seals.length > 0) {
      context.say(lines(plan.seals))
      if (!(await context.confirm('Unseal them?', yes))) return context.say('nothing was changed')
      unsealed = await recorded(context, [name], async ({ session, work }) =>
        (await unsealLeaves(session, work, plan)).map(shown),
      )
    }
    if (json) context.printJson({ unsealed, not_sealed: plan.open })
    else if (unsealed.length > 0) context.say(`${plural(unsealed.length, 'leaf', 'leaves')} unsealed`)
    else context.say('nothing to do: no such leaf is sealed')
  },
})

function lines(seals: Seal[]): string {
  if (seals.length === 0) return 'no such leaf is sealed'
  const each = seals.map(
    ({ name, why }) => `  ${shown(name)}${why === undefined ? '' : `  seal void: ${why}`}`,
  )
  return [`${plural(seals.length, 'leaf', 'leaves')} to unseal:`, ...each].map(printable).join('\n')
}

const planJson = ({ name, seal, state, why }: Seal) => ({ leaf: shown(name), seal, state, why: why ?? null })
