import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { stringify } from 'yaml'
import { ensureLedger } from '../../src/migrate/apply.ts'
import { Session } from '../../src/postgres/session.ts'
import type { Target } from '../../src/postgres/target.ts'
import { databaseTemplate, freshDatabase } from '../support/database.ts'
import type { TestServer } from '../support/servers.ts'
import { testWarehouse } from '../support/warehouse.ts'
import { quietWork } from '../support/work.ts'

/** A fact table in leaves of a month, and a list without windows. */
export const tables = `
  CREATE TABLE public.sales (id int NOT NULL, sold_on date NOT NULL, client text, amount numeric(10,2),
    PRIMARY KEY (id, sold_on)) PARTITION BY RANGE (sold_on);
  CREATE TABLE public.clients (id int PRIMARY KEY, name text)`

export const sales = {
  target: 'public.sales',
  key: ['id', 'sold_on'],
  partition: { key: 'sold_on', kind: 'date', grain: 'month', from: '2024-01', premake: 0 },
  sources: { shop: { kind: 'file', path: 'data/{year}-{month}.csv' } },
}

const clients = {
  target: 'public.clients',
  key: 'id',
  sources: { list: { kind: 'file', path: 'data/clients.csv' } },
}

/** For a `describe`: databases with the ledger and both tables. */
export function backfillTemplate(server: TestServer) {
  return databaseTemplate(server, async (session) => {
    await ensureLedger(session, quietWork())
    await session.run(tables)
  })
}

/** Rows of one month; those of a day are numbered by the day. */
export function monthFile(month: string, perDay = 3, { rejects = 0 } = {}): string {
  const [year, number] = month.split('-').map(Number) as [number, number]
  const days = new Date(Date.UTC(year, number, 0)).getUTCDate()
  const rows = Array.from({ length: days * perDay }, (_, n) => {
    const day = String(Math.floor(n / perDay) + 1).padStart(2, '0')
    const id = (year - 2000) * 10_000_000 + number * 100_000 + n
    return `${id},${month}-${day},client ${n % 7},${n < rejects ? 'much' : `${n}.50`}\n`
  })
  return `id,sold_on,client,amount\n${rows.join('')}`
}

/**
 * A warehouse with a file for each month of 2024 and one of clients, and a database of the template.
 *
 * @param options target: of a database that is there already
 */
export async function backfillPlace(
  server: TestServer,
  template: { readonly name: string },
  { perDay = 3, months = 12, target = undefined as Target | undefined } = {},
) {
  const stack = new AsyncDisposableStack()
  const database = target ? { target } : stack.use(await freshDatabase(server, { template: template.name }))
  const session = stack.use(await Session.open(database.target, 'dwh test', quietWork()))
  const warehouse = stack.use(testWarehouse({ datasets: { sales, clients } }))
  mkdirSync(join(warehouse.folder, 'data'))
  const put = (name: string, content: string) => {
    mkdirSync(dirname(join(warehouse.folder, name)), { recursive: true })
    writeFileSync(join(warehouse.folder, name), content)
  }
  for (let n = 1; n <= months; n++) {
    const month = `2024-${String(n).padStart(2, '0')}`
    put(`data/${month}.csv`, monthFile(month, perDay))
  }
  put('data/clients.csv', 'id,name\n1,Ada\n2,Grace\n')
  return {
    database,
    session,
    at: warehouse.at(database.target),
    put,
    remove: (name: string) => rmSync(join(warehouse.folder, name)),
    describe: (datasets: object) => put('dwh.yaml', stringify({ name: 'test', datasets })),
    rows: (query: string) => session.rows<Record<string, unknown>>(query),
    /** Of the chunks of a backfill, in their order. */
    states: (backfill: number) =>
      session
        .rows<{ text: string }>(
          `SELECT coalesce(to_char(window_from, 'MM-DD'), 'all') || ' ' || state || CASE WHEN attempts > 1 THEN ' ' || attempts ELSE '' END AS text
             FROM dwh.chunk_states WHERE backfill = $1 ORDER BY place`,
          [backfill],
        )
        .then((rows) => rows.map(({ text }) => text)),
    [Symbol.asyncDispose]: () => stack[Symbol.asyncDispose](),
  }
}

/** What several ways to one end must agree on: rows, and the ledger's word for each window. */
export async function endState(session: Session) {
  return {
    rows: await session.rows(
      `SELECT count(*), sum(id::bigint), sum(amount)::text AS amount, count(DISTINCT tableoid) AS leaves FROM public.sales`,
    ),
    chunks: await session.rows(
      `SELECT dataset, source, window_from::text, window_to::text, outcome, worker, fingerprint IS NOT NULL AS is_known,
              figures - 'seconds' - 'inserted' - 'unchanged' AS figures,
              (figures->>'inserted')::int + (figures->>'unchanged')::int AS rows
         FROM dwh.chunks WHERE outcome = 'done' AND superseded_by IS NULL ORDER BY window_from`,
    ),
    ...(await leftovers(session)),
  }
}

/** Empty lists where everybody has cleaned up. */
export async function leftovers(session: Session) {
  return {
    open: await session.rows('SELECT chunk, worker FROM dwh.chunks WHERE ended_at IS NULL'),
    tables: await session.rows(
      "SELECT relname FROM pg_class WHERE relname LIKE 'dwh_load_%' OR relname LIKE 'dwh_chunk_%'",
    ),
    loads: await session.rows("SELECT load, state FROM dwh.load_states WHERE state IN ('running', 'died')"),
    leases: await session.rows(
      `SELECT work FROM dwh.leases JOIN pg_stat_activity ON pid = backend_pids[1]
        WHERE work LIKE 'backfill%' AND expires_at > clock_timestamp()`,
    ),
  }
}
