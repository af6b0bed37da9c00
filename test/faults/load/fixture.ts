import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Session } from '../../../src/postgres/session.ts'
import { describeTable } from '../../support/catalogue.ts'
import { testWarehouse } from '../../support/warehouse.ts'

/** Tables of one shape, each with what makes a load of it take one way. */
export const ways = ['aside', 'rebuilt', 'merged', 'scoped', 'appended'] as const
export type Way = (typeof ways)[number]

/** The steps of a load, as its events name them. */
export function stepsOf(way: Way): string[] {
  return way === 'appended' ? ['send'] : ['send', 'leaves', 'publish']
}

/** The command that loads the file of the fixture by one way. */
export function command(way: Way, file = way === 'appended' ? 'clean.csv' : 'dirty.csv'): string[] {
  return ['load', way, file, '--yes', ...(way === 'appended' ? ['--strategy', 'append'] : [])]
}

/**
 * Rows of three months of 2024, the first of which has a leaf. `merged` has leaves for all and half of the rows, which are
 * older than those of the file; `scoped` has rows of two regions.
 */
export async function tables(session: Session): Promise<void> {
  for (const way of ways) await session.run(table(way))
  await session.run(`
    ${leaves('merged', ['2024-02-01', '2024-03-01'])};
    INSERT INTO public.merged
    SELECT n, date '2024-01-01' + n % 90, 'before', n, 'north', '2023-01-01' FROM generate_series(2, 900, 2) AS n;
    INSERT INTO public.scoped
    SELECT n, '2024-01-05', 'before', n, CASE WHEN n % 2 = 0 THEN 'north' ELSE 'south' END, '2023-01-01' FROM generate_series(1, 40) AS n`)
}

function table(name: string): string {
  return `
    CREATE TABLE public.${name} (id int NOT NULL, sold_on date NOT NULL, client text NOT NULL, amount numeric(10,2), region text,
      changed_at timestamptz NOT NULL, CONSTRAINT ${name}_amount CHECK (amount < 100000)${name === 'scoped' ? '' : ', PRIMARY KEY (id, sold_on)'}) PARTITION BY RANGE (sold_on);
    CREATE INDEX ${name}_client ON public.${name} (client);
    ${leaves(name, ['2024-01-01'])}`
}

function leaves(name: string, starts: string[]): string {
  return starts
    .map(
      (from) =>
        `CREATE TABLE public.${name}_${from.slice(0, 7).replace('-', '_')} PARTITION OF public.${name}
           FOR VALUES FROM ('${from}') TO (date '${from}' + interval '1 month')`,
    )
    .join(';')
}

export const header = 'id,sold_on,client,amount,region,changed_at\n'

/** One row of the file. */
export function row(
  id: number,
  { client = `client ${id}`, amount = `${id % 1000}.50`, hour = '10' } = {},
): string {
  const day = new Date(Date.UTC(2024, 0, 1 + (id % 90))).toISOString().slice(0, 10)
  return `${id},${day},${client},${amount},north,2024-05-01 ${hour}:00:00+00\n`
}

/** Rows 1 to `count`; the first of them are refused, the last ones stand there once more, newer. */
export function csv(count: number, { duplicates = 0, rejects = 9 } = {}): string {
  const rows = Array.from({ length: count }, (_, n) => row(n + 1, n < rejects ? { amount: 'much' } : {}))
  const again = Array.from({ length: duplicates }, (_, n) => row(count - n, { client: 'newer', hour: '11' }))
  return header + rows.join('') + again.join('')
}

/** A warehouse with a dataset for each way, and two files: 900 keys, nine rejects and, in one of them, thirty duplicates. */
export function loadWarehouse() {
  const partition = { key: 'sold_on', kind: 'date', grain: 'month', from: '2024-01', premake: 0 }
  const keyed = { key: ['id', 'sold_on'], recency: 'changed_at' }
  const warehouse = testWarehouse({
    datasets: {
      aside: { target: 'public.aside', partition, ...keyed },
      rebuilt: { target: 'public.rebuilt', partition, key: ['id', 'sold_on'] },
      merged: { target: 'public.merged', partition, ...keyed },
      scoped: { target: 'public.scoped', partition, scope: "region = 'north'" },
      appended: { target: 'public.appended', partition, ...keyed },
      moving: { target: 'public.moving', partition, key: 'id', recency: 'changed_at' },
    },
  })
  const write = (name: string, content: string | Buffer) =>
    writeFileSync(join(warehouse.folder, name), content)
  write('dirty.csv', csv(900, { duplicates: 30 }))
  write('clean.csv', csv(900))
  return { ...warehouse, write, [Symbol.dispose]: () => warehouse[Symbol.dispose]() }
}

/** What a load leaves behind that an uninterrupted and a repeated one must agree on. */
export async function endState(session: Session, way: Way) {
  return {
    table: await describeTable(session, { schema: 'public', name: way }),
    loads: await session.rows(
      `SELECT input, sha256, strategy, landing, records, inserted, updated, unchanged, moved, replaced, duplicates, rejected,
              jsonb_path_query_array(leaves, '$[*].name') AS leaves
         FROM dwh.load_states WHERE state = 'done' AND table_name = $1`,
      [way],
    ),
    rejects: await session.rows(
      `SELECT record, line, byte_offset, original, reasons FROM dwh.rejects JOIN dwh.load_states USING (load)
        WHERE state = 'done' AND table_name = $1 ORDER BY record`,
      [way],
    ),
    ...(await leftovers(session)),
  }
}

/** Empty lists, where a load has cleaned up: tables, and whoever holds a transaction open. */
export async function leftovers(session: Session) {
  return {
    landings: await session.rows("SELECT relname FROM pg_class WHERE relname LIKE 'dwh_load_%'"),
    open: await session.rows("SELECT load FROM dwh.load_states WHERE state IN ('running', 'died')"),
    idle: await session.rows(
      `SELECT application_name, query FROM pg_stat_activity
        WHERE datname = current_database() AND application_name LIKE 'dwh load%' AND state <> 'idle'`,
    ),
  }
}
