import { z } from 'zod'
import { argument, command, option, shared } from '../../cli/command.ts'
import { namedDataset } from '../../cli/datasets.ts'
import { bytes, count } from '../../cli/format.ts'
import type { Stream } from '../../cli/streams.ts'
import { table } from '../../cli/table.ts'
import { type Amount, auditDataset, type ColumnAudit, type DatasetAudit } from '../../compress/audit.ts'

export const compressAudit = command({
  name: 'audit',
  summary: 'tell how the values of a table are stored: plain, pglz, lz4, out of line',
  description:
    'Reads every leaf and counts, for each column whose values vary in length, the values and the bytes that are stored ' +
    'plain, by pglz and by lz4, and how much of that lies out of line. Of a leaf over 64 MB only some blocks are read: its ' +
    'figures are estimates and marked with ~. Columns of short values only are summed up in one line; --json has them all.',
  arguments: {
    datasets: argument('[dataset...]', 'datasets; all unless named', z.array(z.string()).default([])),
  },
  options: {
    sample: option(
      '--sample <percent>',
      'read this much of every leaf; 100 reads all',
      z.coerce.number<string>().positive().max(100).optional(),
    ),
    json: shared.json,
  },
  examples: [
    'dwh compress audit',
    'dwh -w sigeti compress audit fait_attributions',
    'dwh compress audit fait_factures --sample 100 --json',
  ],
  async run(context, { datasets: names, sample, json }) {
    const datasets =
      names.length === 0 ? context.warehouse().datasets : names.map((name) => namedDataset(context, name))
    await using session = await context.openReadOnly()
    const audits: DatasetAudit[] = []
    for (const dataset of datasets) audits.push(await auditDataset(session, dataset, sample))
    if (json) return context.printJson(audits)
    context.print(audits.map((audit) => render(context.streams.out, audit)).join('\n'))
  },
})

interface Line {
  leaf: string
  column: string
  setting: string
  /** Before estimates. */
  about: string
  values: number
  amounts: Pick<ColumnAudit, Kind>
}

type Kind = 'plain' | 'pglz' | 'lz4' | 'out_of_line'
const kinds: Kind[] = ['plain', 'pglz', 'lz4', 'out_of_line']

/** PostgreSQL spends one byte on the length of a value up to this size, and four on others: who is larger is called long. */
const shortest = 127

function render(stream: Stream, { dataset, table: name, target, leaves }: DatasetAudit): string {
  if (target === 'missing') return `${dataset}: there is no table ${name}\n`
  const all = leaves.flatMap(({ columns }) => columns)
  const isLong = (column: string) => all.some((one) => one.column === column && one.widest >= shortest)
  const lines = leaves.flatMap(({ leaf, columns, sampled, rows }): Line[] => {
    const about = sampled === null ? '' : '~'
    const line = (column: string, setting: string, of: ColumnAudit[]): Line => {
      const amounts = Object.fromEntries(kinds.map((kind) => [kind, sum(of.map((one) => one[kind]))]))
      const { plain, pglz, lz4 } = amounts as Line['amounts']
      const values = plain.values + pglz.values + lz4.values
      return { leaf, column, setting, about, values, amounts: amounts as Line['amounts'] }
    }
    const short = columns.filter(({ column }) => !isLong(column))
    return rows === 0
      ? []
      : [
          ...columns
            .filter(({ column }) => isLong(column))
            .map((one) => line(one.column, one.setting, [one])),
          ...(short.length > 0 ? [line(`(${short.length} short)`, '', short)] : []),
        ]
  })
  const empty = leaves.filter(({ rows }) => rows === 0).length
  const total = (kind: Kind) => sum(all.map((one) => one[kind])).bytes
  const amount = (kind: Kind) => ({
    title: kind.replaceAll('_', ' '),
    value: ({ about, amounts }: Line) => (amounts[kind].values > 0 ? about + bytes(amounts[kind].bytes) : ''),
    align: 'right' as const,
  })
  return (
    `${dataset}: ${kinds.map((kind) => `${bytes(total(kind))} ${kind.replaceAll('_', ' ')}`).join(', ')}` +
    `${empty > 0 ? `; ${empty} of ${leaves.length} leaves are empty` : ''}\n` +
    table<Line>(
      stream,
      [
        { title: 'leaf', value: ({ leaf }) => leaf },
        { title: 'column', value: ({ column }) => column },
        { title: 'setting', value: ({ setting }) => setting },
        { title: 'values', value: ({ about, values }) => about + count(values), align: 'right' },
        ...kinds.map(amount),
      ],
      lines,
    )
  )
}

function sum(amounts: Amount[]): Amount {
  return amounts.reduce((a, b) => ({ values: a.values + b.values, bytes: a.bytes + b.bytes }), {
    values: 0,
    bytes: 0,
  })
}
