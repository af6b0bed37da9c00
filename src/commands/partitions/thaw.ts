import { z } from 'zod'
import { argument, command, flag, shared } from '../../cli/command.ts'
import { partitionedDataset } from '../../cli/datasets.ts'
import { plural, printable } from '../../cli/format.ts'
import { recorded } from '../../cli/recorded.ts'
import { underLease } from '../../ledger/lease.ts'
import { archiveKey } from '../../maintain/archive/archiving.ts'
import { thawLeaf } from '../../maintain/archive/thaw.ts'
import { readable } from '../../maintain/words.ts'
import { shown } from '../../postgres/identifiers.ts'
import { archivedLeaves } from './archived.ts'

export const partitionsThaw = command({
  name: 'thaw',
  summary: 'bring archived leaves back',
  description:
    'Attaches the detached leaf again where it is still there, else one that is restored from its files. Either is compared with what ' +
    'was archived before. The files stay.',
  arguments: {
    dataset: argument('<dataset>', 'whose leaves come back', z.string()),
    leaves: argument('<leaf...>', 'leaves by the names that they had', z.array(z.string()).min(1)),
  },
  options: {
    readOnly: flag('--read-only', 'seal them: nothing can be written into them'),
    timeout: shared.timeout,
    dryRun: shared.dryRun,
    yes: shared.yes,
    json: shared.json,
  },
  exits: { 6: 'a lock did not come within the ladder: the same command goes on' },
  examples: ['dwh partitions thaw fait_factures fait_factures_2015 --read-only'],
  async run(context, { dataset: name, leaves: names, readOnly, timeout, dryRun, yes, json }) {
    const dataset = partitionedDataset(context, name)
    await using session = await context.openReadOnly()
    const wanted = await archivedLeaves(session, dataset, names)
    const each = wanted.map(({ leaf, folder, row_count, dropped_at }) => ({
      leaf,
      rows: row_count,
      from: dropped_at ? folder : 'the detached table',
    }))
    if (dryRun && json) return context.printJson({ to_thaw: each })
    const text = each
      .map(
        ({ leaf, rows, from }) =>
          `${printable(`  ${readable(leaf)}  ${plural(rows, 'row')}, from ${from}`)}\n`,
      )
      .join('')
    if (dryRun) return context.print(`${plural(each.length, 'leaf', 'leaves')} to bring back:\n${text}`)
    context.say(`${plural(each.length, 'leaf', 'leaves')} to bring back:\n${text}`)
    if (!(await context.confirm('Bring them back?', yes))) return context.say('nothing was changed')
    const warehouse = context.warehouse()
    const thawed = await recorded(
      context,
      [name],
      ({ session, work, run }) =>
        underLease(session, work, archiveKey(dataset), run, async () => {
          const done: { leaf: string; from: string }[] = []
          for (const archive of wanted) {
            work.signal.throwIfAborted()
            const { leaf, from } = await thawLeaf(
              { session, work, run, warehouse, dataset },
              archive,
              readOnly,
            )
            done.push({ leaf: shown(leaf), from })
          }
          return done
        }),
      timeout,
    )
    if (json) context.printJson({ thawed })
    else context.say(`${plural(thawed.length, 'leaf', 'leaves')} brought back`)
  },
})
