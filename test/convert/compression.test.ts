import { describe, expect, test } from 'vitest'
import type { DatasetAudit } from '../../src/compress/audit.ts'
import type { Session } from '../../src/postgres/session.ts'
import { dwhDone } from '../support/cli.ts'
import { freshDatabase } from '../support/database.ts'
import { servers } from '../support/servers.ts'
import { testWarehouse } from '../support/warehouse.ts'

/** Long values of every shape that can be compressed, with what a round trip by text would lose. */
const columns = {
  a_text: ['text', `repeat('état ', 900) || n`],
  a_varchar: ['varchar(9000)', `repeat('ville ', 900) || n`],
  blanks: ['bpchar', `(repeat('blanc ', 900) || n || repeat(' ', 900))::bpchar`],
  fixed: ['character(4000)', 'n::text'],
  texts: ['text[]', `ARRAY[repeat('un ', 900), NULL, n::text]`],
  varchars: ['varchar(5000)[]', `ARRAY[repeat('deux ', 900), n::text]::varchar[]`],
  numbers: [
    'bigint[]',
    `('[3:702]=' || array_fill(n, ARRAY[700])::text)::bigint[]`, // an array need not begin at 1
  ],
  documents: ['jsonb', `jsonb_build_object('a', repeat('trois ', 900), 'n', n)`],
  written: ['json', `('{ "b" :  "' || repeat('quatre ', 900) || '", "b": ' || n || '}')::json`],
  bytes: ['bytea', `convert_to(repeat('cinq ', 900) || n, 'UTF8')`],
  exact: ['numeric', `(repeat('12', 3000) || '.' || lpad(n::text, 5, '0'))::numeric`],
  pair: ['public.pair', `ROW(repeat('six ', 900), n)::public.pair`],
  named: ['public.name', `(repeat('sept ', 900) || n)::public.name`],
  outside: ['text', `repeat('huit ', 900) || n`],
} as const

async function longValues(session: Session, method: string): Promise<void> {
  const names = Object.keys(columns)
  const made = Object.entries(columns).map(([name, [type]]) => `${name} ${type} COMPRESSION ${method}`)
  await session.run(`
    CREATE TYPE public.pair AS (words text, n integer);
    CREATE DOMAIN public.name AS text CHECK (value <> '');
    CREATE TABLE public.facts (id integer NOT NULL, d date NOT NULL, ${made.join(', ')});
    INSERT INTO public.facts (id, d, ${names.join(', ')})
    SELECT n, date '2024-01-01' + n, ${Object.values(columns).map(([, value]) => value)} FROM generate_series(1, 60) AS n;
    -- Told too late not to be compressed.
    ALTER TABLE public.facts ALTER COLUMN outside SET STORAGE EXTERNAL`)
}

describe.each(servers)('values stored by another method, on $name', (server) => {
  const { lz4 } = server.binaries
  const methods = lz4
    ? (['pglz to lz4', 'lz4 to pglz', 'pglz to default'] as const)
    : (['pglz to lz4'] as const)

  test.each(methods)('%s: every compressed value says so afterwards, and is what it was', async (way) => {
    const [from = '', to = ''] = way.split(' to ')
    await using database = await freshDatabase(server)
    await using session = await database.open()
    await longValues(session, from)
    const rows = () =>
      session.rows('SELECT md5(string_agg(f::text, chr(10) ORDER BY id)) AS hash FROM public.facts AS f')
    const before = await rows()
    const dataset = {
      target: 'public.facts',
      key: 'id',
      compression: to,
      partition: { key: 'd', kind: 'date', grain: 'month', premake: 0 },
    }
    using warehouse = testWarehouse({ datasets: { facts: dataset } })
    const at = warehouse.at(database.target)
    const audit = async () => {
      const [facts] = JSON.parse(
        (await dwhDone(['compress', 'audit', '--json'], at)).stdout,
      ) as DatasetAudit[]
      const stored: Record<string, string> = {}
      for (const { columns } of facts?.leaves ?? []) {
        for (const { column, pglz, lz4 } of columns) {
          stored[column] ??= ''
          if (pglz.values > 0) stored[column] += 'p'
          if (lz4.values > 0) stored[column] += 'l'
        }
      }
      return Object.fromEntries(
        Object.entries(stored).map(([name, text]) => [name, [...new Set(text)].join('')]),
      )
    }
    const all = (method: string) => Object.fromEntries(Object.keys(columns).map((name) => [name, method]))
    expect(await audit()).toEqual(all(from[0] as string))
    await dwhDone(['setup', '--yes', '--no-backup'], at)
    const method = to === 'default' || (to === 'lz4' && !lz4) ? from : to
    // What is told not to be compressed is not, once it is written anew.
    expect(await audit()).toEqual({
      ...all(method[0] as string),
      ...(method === from ? {} : { outside: '' }),
    })
    expect(await rows()).toEqual(before)
  })
})
