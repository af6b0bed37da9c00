import { z } from 'zod'
import { argument, command, option, shared } from '../../cli/command.ts'
import { partitionedDataset } from '../../cli/datasets.ts'
import { bytes, plural, printable } from '../../cli/format.ts'
import { recorded } from '../../cli/recorded.ts'
import { DwhError } from '../../errors.ts'
import { underLease } from '../../ledger/lease.ts'
import { archiveKey } from '../../maintain/archive/archiving.ts'
import { putAside } from '../../maintain/archive/detach.ts'
import { archivesOf } from '../../maintain/archive/folder.ts'
import { archiveLeaf } from '../../maintain/archive/write.ts'
import { chooseLeaves, type LeafChoice, refuseUnfit } from '../../partitions/seal.ts'
import type { Leaf } from '../../partitions/tree.ts'
import { shown } from '../../postgres/identifiers.ts'
import { calendarDate, spanText } from '../../warehouse/values.ts'

export const partitionsArchive = command({
  name: 'archive',
  summary: 'put leaves away into files of Parquet or pg_dump, prove the files, and detach the leaves',
  description:
    'Seals each leaf, writes it as Parquet (zstd) or with pg_dump, with a manifest beside it, restores the files into a temporary table and compares ' +
    'it with the leaf; only then is the leaf detached. It stays in the database under another name for as long as ' +
    'maintenance.archive.keep says, and `dwh partitions drop` drops it after it was compared once more. What a killed run has done ' +
    'is not done again.',
  arguments: {
    dataset: argument('<dataset>', 'whose leaves are archived', z.string()),
    leaves: argument('[leaf...]', 'leaves by their names', z.array(z.string()).default([])),
  },
  options: {
    before: option('--before <date>', 'leaves that end at this date or before it', calendarDate.optional()),
    format: option(
      '--format <format>',
      'what is written; maintenance.archive.format unless named',
      z.enum(['parquet', 'pg_dump']).optional(),
    ),
    timeout: shared.timeout,
    dryRun: shared.dryRun,
    yes: shared.yes,
    json: shared.json,
  },
  exits: { 6: 'a lock did not come within the ladder: the same command goes on' },
  examples: [
    'dwh partitions archive fait_factures fait_factures_2015',
    'dwh partitions archive fait_factures --before 2018 --dry-run',
  ],
  async run(context, { dataset: name, leaves: names, before, format, timeout, dryRun, yes, json }) {
    const dataset = partitionedDataset(context, name)
    const isNamed = names.length > 0
    if (isNamed === (before !== undefined))
      throw new DwhError(
        'USAGE',
        'name the leaves, or say --before which date they end; nothing was changed',
        {
          hint: `see: dwh partitions list ${name}`,
        },
      )
    const choice: LeafChoice = before ? { before } : { names }
    await using session = await context.openReadOnly()
    const { leaves: wanted } = await chooseLeaves(session, dataset, choice)
    // One that an earlier attempt has left half detached goes on.
    for (const leaf of wanted) if (!leaf.detachPending) refuseUnfit(leaf)
    const warehouse = context.warehouse()
    const root = archivesOf(warehouse)
    if (dryRun && json)
      return context.printJson({
        folder: root,
        leaves: wanted.map((leaf) => ({ leaf: shown(leaf), rows: leaf.rows ?? null, bytes: leaf.bytes })),
      })
    if (wanted.length === 0)
      return json
        ? context.printJson({ archived: [] })
        : context.say('nothing to do: no leaf ends before that')
    const text = lines(wanted, root, spanText(warehouse.maintenance.archive.keep))
    if (dryRun) return context.print(text)
    context.say(text)
    if (!(await context.confirm('Archive them?', yes))) return context.say('nothing was changed')
    const archived = await recorded(
      context,
      [name],
      ({ session, work, run }) =>
        underLease(session, work, archiveKey(dataset), run, async () => {
          const done: { leaf: string; folder: string; rows: number; bytes: number; aside: string }[] = []
          for (const leaf of wanted) {
            work.signal.throwIfAborted()
            const archiving = { session, work, run, warehouse, dataset }
            const archive = await archiveLeaf(archiving, leaf, format ?? warehouse.maintenance.archive.format)
            const aside = await putAside(archiving, archive, leaf)
            const { folder, row_count: rows, bytes } = archive
            done.push({ leaf: shown(leaf), folder, rows, bytes, aside: shown(aside) })
          }
          return done
        }),
      timeout,
    )
    if (json) context.printJson({ archived })
    else context.say(`${plural(archived.length, 'leaf', 'leaves')} archived in ${root}`)
  },
})

function lines(leaves: Leaf[], root: string, keep: string): string {
  const each = leaves.map((leaf) => {
    const rows = leaf.rows === undefined ? '' : `about ${plural(leaf.rows, 'row')}, `
    return `  ${shown(leaf)}  ${rows}${bytes(leaf.bytes)}`
  })
  return [
    `${plural(leaves.length, 'leaf', 'leaves')} to archive in ${root}, then to detach and to keep for ${keep}:`,
    ...each,
  ]
    .map(printable)
    .join('\n')
}
