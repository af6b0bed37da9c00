import type { ConversionPlan } from '../convert/plan.ts'
import { rangeCondition, rangeOf } from '../partitions/bounds.ts'
import { ident, type RelationName, relation } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'

/** What a table costs and how fast it answers, before or after its conversion. */
export interface Measures {
  rows: number
  /** Heap, TOAST and indexes. */
  bytes: number
  /** The query that was measured, over the period with the most rows. */
  query: string
  /** `month` */
  period: string
  /** Median of several runs, warm. */
  milliseconds: number
  /** Tables that the plan of the query reads, and how many there are. */
  tables_read: number
  tables: number
}

/** Times that a query is run; the first two warm it up and do not count. */
const repetitions = { warmUp: 2, counted: 5 }

/** The query of the gains table: the busiest period, counted and summed as a report would. */
export function gainsQuery({
  dataset,
  table,
  rows,
}: ConversionPlan): Pick<Measures, 'query' | 'period'> | undefined {
  const policy = dataset.partition
  const busiest = rows.occupied.toSorted((a, b) => b.rows - a.rows)[0]
  if (!busiest) return undefined
  const measure = table.columns.find(
    ({ name, type }) =>
      /^(smallint|integer|bigint|numeric|real|double)/.test(type) && !policy.key.includes(name),
  )
  const sum = measure ? `, sum(${ident(measure.name)})` : ''
  const condition = rangeCondition(policy, rangeOf(policy, busiest))
  return { query: `SELECT count(*)${sum} FROM ${relation(table)} WHERE ${condition}`, period: policy.grain }
}

/** Measures a table under its name, plain or partitioned. */
export async function measure(
  session: Session,
  table: RelationName,
  { query, period }: Pick<Measures, 'query' | 'period'>,
  rows: number,
): Promise<Measures> {
  const { bytes, tables } = await session.one<{ bytes: number; tables: number }>(
    // A plain table has no partition tree, and is its own.
    `SELECT sum(pg_total_relation_size(oid))::int8 AS bytes, count(*) AS tables FROM ` +
      `(SELECT $1::regclass::oid AS oid WHERE NOT EXISTS (SELECT FROM pg_partition_tree($1::regclass)) ` +
      `UNION ALL SELECT relid FROM pg_partition_tree($1::regclass) WHERE isleaf) AS tables`,
    [relation(table)],
  )
  const times: number[] = []
  for (let n = 0; n < repetitions.warmUp + repetitions.counted; n++) {
    const started = performance.now()
    await session.rows(query)
    if (n >= repetitions.warmUp) times.push(performance.now() - started)
  }
  const milliseconds = times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] as number
  return { rows, bytes, query, period, milliseconds, tables_read: await tablesRead(session, query), tables }
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
