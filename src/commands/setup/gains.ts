import { bytes, count, milliseconds, printable } from '../../cli/format.ts'
import type { Stream } from '../../cli/streams.ts'
import { table } from '../../cli/table.ts'
import type { Gain } from '../../setup/gains.ts'

interface Line {
  table: string
  measure: string
  before?: string
  after?: string
  change?: string
}

/** What the conversions brought, measured: how fast, and on how much disk, taken apart. */
export function renderGains(stream: Stream, gains: Gain[]): string {
  const lines = gains.flatMap((gain) => [...speedLines(gain), ...diskLines(gain)])
  const queries = gains.flatMap(({ before }) =>
    before.queries.map(({ sql }) => `${stream.paint.dim(printable(sql))}\n`),
  )
  return (
    table<Line>(
      stream,
      [
        { title: 'table', value: ({ table }) => table },
        { title: 'measure', value: ({ measure }) => measure },
        { title: 'before', value: ({ before }) => before, align: 'right' },
        { title: 'after', value: ({ after }) => after, align: 'right' },
        { title: '', value: ({ change }) => change },
      ],
      lines,
    ) + queries.join('')
  )
}

function speedLines({ table, before, after, duplicates }: Gain): Line[] {
  const rows = {
    table,
    measure: 'rows',
    before: count(before.rows),
    after: count(after.rows),
    change: duplicates
      ? `${count(duplicates.rows)} set aside in ${duplicates.table}, ${bytes(duplicates.bytes)}`
      : '',
  }
  const queries = before.queries.flatMap((query, index): Line[] => {
    const then = after.queries[index]
    if (!then) return []
    const plain = then.plain_milliseconds ?? query.milliseconds
    return [
      {
        table,
        measure: `${query.what} of ${query.period}, warm`,
        before: milliseconds(plain),
        after: milliseconds(then.milliseconds),
        change: `${(plain / then.milliseconds).toFixed(1)}× as fast, ${after.tables - then.tables_read} of ${after.tables} leaves pruned`,
      },
    ]
  })
  return [rows, ...queries]
}

function diskLines({ table, before, after, duplicates, saved }: Gain): Line[] {
  const part = (name: string, saving: number, note = ''): Line => ({
    table,
    measure: `  ${name}`,
    change: `${signed(-saving)}${note}`,
  })
  return [
    {
      table,
      measure: 'disk',
      before: bytes(before.disk.bytes),
      after: bytes(after.disk.bytes),
      change: percent(before.disk.bytes, after.disk.bytes),
    },
    {
      ...part('indexes', saved.indexes),
      before: bytes(before.disk.index_bytes),
      after: bytes(after.disk.index_bytes),
    },
    part('compression', saved.compression),
    ...(duplicates ? [part('duplicates', saved.duplicates, ', set aside and not gone')] : []),
    ...(saved.bloat_by === 'difference'
      ? [part('bloat and the rest', saved.bloat, ', by difference')]
      : [part('bloat', saved.bloat), part('headers and alignment', saved.rest)]),
  ]
}

function signed(value: number): string {
  return `${value > 0 ? '+' : ''}${bytes(value)}`
}

function percent(before: number, after: number): string {
  const change = Math.round((after / before - 1) * 100)
  return `${change > 0 ? '+' : ''}${change} %`
}
