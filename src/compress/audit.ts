import { inspectTarget } from '../partitions/tree.ts'
import { ident, type RelationName, relation, shown } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'
import type { Dataset } from '../warehouse/load.ts'

/** How many values are stored in some way, and the bytes that they take so. */
export interface Amount {
  values: number
  bytes: number
}

/** How the values of one column are stored. NULLs are none. */
export interface ColumnAudit {
  column: string
  type: string
  /** What the table says of values to come. */
  storage: 'plain' | 'main' | 'extended' | 'external'
  setting: 'lz4' | 'pglz' | 'default'
  /** Not compressed, pglz and lz4: each value is one of them. */
  plain: Amount
  pglz: Amount
  lz4: Amount
  /** Those of the above that lie in the TOAST table. */
  out_of_line: Amount
  /** Bytes of the largest value, as it is stored. */
  widest: number
}

/** One leaf, or a plain table. */
export interface LeafAudit {
  leaf: string
  rows: number
  heap_bytes: number
  toast_bytes: number
  /** Percent of the blocks that were read, when not all: then rows, values and bytes are estimates. */
  sampled: number | null
  columns: ColumnAudit[]
}

export interface DatasetAudit {
  dataset: string
  table: string
  target: 'partitioned' | 'plain' | 'missing'
  leaves: LeafAudit[]
}

type AuditedColumn = Pick<ColumnAudit, 'type' | 'storage' | 'setting'> & { name: string }

interface AuditedLeaf extends RelationName {
  oid: number
  heap_bytes: number
  toast_bytes: number
}

/** Of a heap larger than this only as many blocks are read as come to it. */
const readWhole = 64 * 1024 ** 2

/** Columns that one query looks at. */
const mostColumns = 400

/** The first version that says of a value whether it lies out of line. */
const tellsChunks = 170_000

/**
 * Reads how the values of a dataset's table are stored, leaf by leaf.
 *
 * @param sample percent of the blocks of every leaf; of large leaves only some unless given
 * @throws DwhError TARGET_UNFIT when the table is none
 */
export async function auditDataset(
  session: Session,
  dataset: Dataset,
  sample: number | undefined,
): Promise<DatasetAudit> {
  const target = await inspectTarget(session, dataset.target, dataset.partition)
  const audit = { dataset: dataset.name, table: shown(dataset.target), target: target.kind }
  if (target.kind === 'missing') return { ...audit, leaves: [] }
  const leaves: LeafAudit[] = []
  for (const leaf of await session.rows<AuditedLeaf>(sql('compress/leaves'), [target.oid])) {
    const share = sample ?? Math.min(100, (100 * readWhole) / Math.max(1, leaf.heap_bytes))
    leaves.push(await auditLeaf(session, leaf, share >= 100 ? null : share))
  }
  return { ...audit, leaves }
}

/** Of one column: values, bytes and the largest, then values and bytes by pglz, by lz4 and out of line. */
type Figures = [number, number, number, number, number, number, number, number, number]

async function auditLeaf(session: Session, leaf: AuditedLeaf, sampled: number | null): Promise<LeafAudit> {
  const columns = await session.rows<AuditedColumn>(sql('compress/columns'), [leaf.oid])
  const factor = sampled === null ? 1 : 100 / sampled
  const audited: ColumnAudit[] = []
  let rows = 0
  // One query for a wide table too would ask for more columns than PostgreSQL gives.
  for (let from = 0; from === 0 || from < columns.length; from += mostColumns) {
    const some = columns.slice(from, from + mostColumns)
    const names = some.map(({ name }) => name)
    const row = await session.one<{ rows: number; columns: Figures[] }>(
      auditQuery(leaf, names, session.serverVersion, sampled),
    )
    rows = Math.round(row.rows * factor)
    audited.push(...some.map((column, index) => describe(column, row.columns[index] as Figures, factor)))
  }
  const { heap_bytes, toast_bytes } = leaf
  return {
    leaf: shown(leaf),
    rows,
    heap_bytes,
    toast_bytes,
    sampled: sampled && Number(sampled.toPrecision(3)),
    columns: audited,
  }
}

function describe({ name, ...settings }: AuditedColumn, figures: Figures, factor: number): ColumnAudit {
  const [values, bytes, widest, ...stored] = figures
  const amount = (values: number, bytes: number) => ({
    values: Math.round(values * factor),
    bytes: Math.round(bytes * factor),
  })
  const [pglz, pglzBytes, lz4, lz4Bytes, outside, outsideBytes] = stored
  return {
    column: name,
    ...settings,
    plain: amount(values - pglz - lz4, bytes - pglzBytes - lz4Bytes),
    pglz: amount(pglz, pglzBytes),
    lz4: amount(lz4, lz4Bytes),
    out_of_line: amount(outside, outsideBytes),
    widest,
  }
}

/**
 * The query that reads a leaf once: its rows, and for each column an array of `Figures`.
 *
 * Before PostgreSQL 17 nothing says whether a value lies out of line, but a row that is made of it does: its header of 24
 * bytes comes on top of what is stored, unless the value had to be fetched, which gives it back a header of its own or
 * takes it apart.
 *
 * @param sampled percent of the blocks; null reads all
 */
export function auditQuery(
  leaf: RelationName,
  columns: string[],
  serverVersion: number,
  sampled: number | null,
): string {
  const told = columns.map((name, index) => {
    const column = `t.${ident(name)}`
    const outside =
      serverVersion >= tellsChunks
        ? `pg_column_toast_chunk_id(${column}) IS NOT NULL`
        : `pg_column_size(ROW(${column})) - pg_column_size(${column}) > 24`
    return `pg_column_size(${column}) AS s${index}, pg_column_compression(${column}) AS m${index}, ${outside} AS o${index}`
  })
  const figures = columns.map((_, index) => {
    const size = `s${index}`
    const amount = (filter: string) =>
      `count(${size}) FILTER (WHERE ${filter}), coalesce(sum(${size}) FILTER (WHERE ${filter}), 0)`
    return (
      `json_build_array(count(${size}), coalesce(sum(${size}), 0), coalesce(max(${size}), 0), ` +
      `${amount(`m${index} = 'pglz'`)}, ${amount(`m${index} = 'lz4'`)}, ${amount(`o${index} AND ${size} IS NOT NULL`)})`
    )
  })
  // Repeatable, so that two runs on an unchanged table say the same.
  const sample = sampled === null ? '' : ` TABLESAMPLE SYSTEM (${sampled}) REPEATABLE (0)`
  return (
    `SELECT count(*) AS rows, ARRAY[${figures.join(', ')}]::json[] AS columns ` +
    // OFFSET keeps the functions from being called once for each figure.
    `FROM (SELECT ${told.join(', ')} FROM ONLY ${relation(leaf)} AS t${sample} OFFSET 0) AS told`
  )
}
