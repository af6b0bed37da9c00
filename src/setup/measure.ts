import { ident, type RelationName, relation } from '../postgres/identifiers.ts'
import { oidOf } from '../postgres/relations.ts'
import type { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'
import type { GainsQuery } from './queries.ts'

/** The disk that a table takes, its leaves together. */
export interface Disk {
  bytes: number
  /** With the free space map and the visibility map. */
  heap_bytes: number
  toast_bytes: number
  index_bytes: number
  /** What the values of columns of variable length take as they are stored, out of line too. */
  value_bytes: number
  /** Dead rows and free space in heap and TOAST, read by pgstattuple; null where the server does not have it. */
  waste_bytes: number | null
}

/** How fast one query is answered. */
export interface Timing extends GainsQuery {
  /** Median of several runs, warm. */
  milliseconds: number
  /** The same of the plain table, run by run in turn with the partitioned one: machines are noisy. */
  plain_milliseconds?: number
  /** Tables that the plan of the query reads. */
  tables_read: number
}

/** What a table holds and costs, and how fast it answers, before or after its conversion. */
export interface Measures {
  rows: number
  /** 1, or the number of leaves. */
  tables: number
  disk: Disk
  queries: Timing[]
}

/** Times that a query is run; the first two warm it up and do not count. */
const repetitions = { warmUp: 2, counted: 5 }

/**
 * Measures a table under its name, plain or partitioned. Reads all of it.
 *
 * @param besidePlain whether the plain table is kept, so that each query can be timed on both in turn
 */
export async function measure(
  session: Session,
  table: RelationName,
  queries: GainsQuery[],
  rows: number,
  besidePlain = false,
): Promise<Measures> {
  const { tables, disk } = await measureDisk(session, table)
  const timings: Timing[] = []
  for (const query of queries) timings.push(await time(session, query, besidePlain))
  return { rows, tables, disk, queries: timings }
}

export async function measureDisk(
  session: Session,
  table: RelationName,
): Promise<{ tables: number; disk: Disk }> {
  const oid = await oidOf(session, table)
  const { tables, ...sizes } = await session.one<
    Omit<Disk, 'value_bytes' | 'waste_bytes'> & { tables: number }
  >(sql('setup/disk'), [oid])
  const disk = {
    ...sizes,
    value_bytes: await valueBytes(session, oid, table),
    waste_bytes: await wasteBytes(session, oid),
  }
  return { tables, disk }
}

/** pg_column_size knows the size of a value that lies out of line without fetching it. */
async function valueBytes(session: Session, oid: number, table: RelationName): Promise<number> {
  const columns = await session.rows<{ name: string }>(
    'SELECT attname::text AS name FROM pg_attribute ' +
      "WHERE attrelid = $1::bigint::oid AND attnum > 0 AND NOT attisdropped AND attlen = -1 AND attgenerated <> 'v'",
    [oid],
  )
  if (columns.length === 0) return 0
  const sizes = columns.map(({ name }) => `coalesce(pg_column_size(${ident(name)}), 0)`)
  const { bytes } = await session.one<{ bytes: number }>(
    `SELECT coalesce(sum(${sizes.join(' + ')}), 0)::int8 AS bytes FROM ${relation(table)}`,
  )
  return bytes
}

/** The extension is used where it is there and we may, and never installed. */
async function wasteBytes(session: Session, oid: number): Promise<number | null> {
  const found = await session.row<{ schema: string; may: boolean }>(
    'SELECT n.nspname::text AS schema, has_function_privilege(p.oid, $1) AS may FROM pg_extension AS e ' +
      'JOIN pg_namespace AS n ON n.oid = e.extnamespace ' +
      "JOIN pg_proc AS p ON p.pronamespace = n.oid AND p.proname = 'pgstattuple' AND p.proargtypes::text = 'regclass'::regtype::oid::text " +
      "WHERE e.extname = 'pgstattuple'",
    ['EXECUTE'],
  )
  if (!found?.may) return null
  const { bytes } = await session.one<{ bytes: number }>(
    `SELECT coalesce(sum(s.dead_tuple_len + s.free_space), 0)::int8 AS bytes
       FROM pg_class AS c
      CROSS JOIN LATERAL unnest(ARRAY[c.oid, nullif(c.reltoastrelid, 0)]) AS part
      CROSS JOIN LATERAL ${ident(found.schema)}.pgstattuple(part::regclass) AS s
      WHERE part IS NOT NULL
        AND c.oid IN (SELECT $1::bigint::oid WHERE NOT EXISTS (SELECT FROM pg_partition_tree($1::bigint::oid::regclass))
                       UNION ALL SELECT relid FROM pg_partition_tree($1::bigint::oid::regclass) WHERE isleaf)`,
    [oid],
  )
  return bytes
}

async function time(session: Session, query: GainsQuery, besidePlain: boolean): Promise<Timing> {
  const once = async (text: string) => {
    const started = performance.now()
    await session.rows(text)
    return performance.now() - started
  }
  const times: number[] = []
  const plainTimes: number[] = []
  for (let n = 0; n < repetitions.warmUp + repetitions.counted; n++) {
    times.push(await once(query.sql))
    if (besidePlain) plainTimes.push(await once(query.plain_sql))
  }
  const { what, period, sql: text, plain_sql } = query
  return {
    what,
    period,
    sql: text,
    plain_sql,
    milliseconds: warmMedian(times),
    ...(besidePlain ? { plain_milliseconds: warmMedian(plainTimes) } : {}),
    tables_read: await tablesRead(session, text),
  }
}

function warmMedian(times: number[]): number {
  const warm = times.slice(repetitions.warmUp).toSorted((a, b) => a - b)
  return warm[Math.floor(warm.length / 2)] as number
}

/** The tables that a plan scans: pruned leaves are not in it. */
async function tablesRead(session: Session, query: string): Promise<number> {
  const row = await session.one<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(`EXPLAIN (FORMAT JSON) ${query}`)
  const names = new Set<string>()
  const walk = (node: PlanNode) => {
    if (node['Relation Name']) names.add(node['Relation Name'])
    for (const child of node.Plans ?? []) walk(child)
  }
  walk(row['QUERY PLAN'][0].Plan)
  return names.size
}

interface PlanNode {
  'Relation Name'?: string
  Plans?: PlanNode[]
}
