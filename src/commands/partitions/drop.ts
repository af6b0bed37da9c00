import { z } from 'zod'
import { argument, command, flag, shared } from '../../cli/command.ts'
import { partitionedDataset } from '../../cli/datasets.ts'
import { bytes, moment, plural, printable } from '../../cli/format.ts'
import { recorded } from '../../cli/recorded.ts'
import { DwhError } from '../../errors.ts'
import type { ArchivedLeaf } from '../../ledger/archives.ts'
import { underLease } from '../../ledger/lease.ts'
import { archiveKey } from '../../maintain/archive/archiving.ts'
import { dropArchived } from '../../maintain/archive/drop.ts'
import { readable } from '../../maintain/words.ts'
import { archivedLeaves } from './archived.ts'

export const partitionsDrop = command({
  name: 'drop',
  summary: 'drop detached leaves that are archived, after they were compared once more',
  description:
    'Of each detached leaf every byte of its archive is looked at, and its rows are hashed once more under the lock that goes with ' +
    'DROP TABLE. What differs stays. Leaves that are attached are never dropped.',
  arguments: {
    dataset: argument('<dataset>', 'whose archived leaves are dropped', z.string()),
    leaves: argument(
      '[leaf...]',
      'leaves by the names that they had; all that are due unless named',
      z.array(z.string()).default([]),
    ),
  },
  options: {
    early: flag('--early', 'before they were kept for as long as maintenance.archive.keep says'),
    dryRun: shared.dryRun,
    yes: shared.yes,
    json: shared.json,
  },
  exits: { 6: 'a lock did not come within the ladder: those before it are gone' },
  examples: [
    'dwh partitions drop fait_factures --yes',
    'dwh partitions drop fait_factures fait_factures_2015 --early',
  ],
  async run(context, { dataset: name, leaves: names, early, dryRun, yes, json }) {
    const dataset = partitionedDataset(context, name)
    await using session = await context.openReadOnly()
    const known = (await archivedLeaves(session, dataset, names)).filter(({ dropped_at }) => !dropped_at)
    const wanted = known.filter(({ is_due }) => early || is_due)
    if (names.length > 0) refuseEarly(known, wanted)
    if (dryRun && json)
      return context.printJson({ to_drop: wanted.map(({ leaf, aside }) => ({ leaf, aside })) })
    if (wanted.length === 0)
      return json ? context.printJson({ dropped: [], freed: 0 }) : context.say('nothing to do: none is due')
    const text = wanted
      .map(({ aside, folder }) => `${printable(`  ${readable(aside ?? '')}  archived in ${folder}`)}\n`)
      .join('')
    if (dryRun) return context.print(`${plural(wanted.length, 'leaf', 'leaves')} to drop:\n${text}`)
    context.say(`${plural(wanted.length, 'leaf', 'leaves')} to drop:\n${text}`)
    if (!(await context.confirm('Drop them?', yes))) return context.say('nothing was changed')
    const freed = await recorded(context, [name], ({ session, work, run }) =>
      underLease(session, work, archiveKey(dataset), run, async () => {
        let sum = 0
        for (const archive of wanted) {
          work.signal.throwIfAborted()
          sum += await dropArchived(session, work, archive)
        }
        return sum
      }),
    )
    if (json) context.printJson({ dropped: wanted.map(({ leaf }) => leaf), freed })
    else context.say(`${plural(wanted.length, 'leaf', 'leaves')} dropped, ${bytes(freed)} freed`)
  },
})

/** @throws DwhError USAGE for a leaf that is named and not due */
function refuseEarly(known: ArchivedLeaf[], wanted: ArchivedLeaf[]): void {
  const early = known.find((one) => !wanted.includes(one))
  if (!early) return
  const until = early.keep_until ? moment(early.keep_until) : 'later'
  throw new DwhError('USAGE', `${readable(early.leaf)} is to be kept until ${until}; nothing was changed`, {
    hint: 'drop it before with --early',
  })
}
