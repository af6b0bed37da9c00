import { Temporal } from 'temporal-polyfill'
import { expect, test } from 'vitest'
import { daysWithRows } from '../../src/load/publish/days.ts'
import type { Policy } from '../../src/warehouse/schema.ts'
import { freshDatabase } from '../support/database.ts'
import { server } from '../support/servers.ts'

const policy = (kind: Policy['kind']) => ({ key: ['at'], kind, zone: 'Europe/Paris' }) as Policy
const from = Temporal.PlainDate.from('2024-03-01')
const until = Temporal.PlainDate.from('2024-04-01')

test('the days that have rows are the same whether an index tells them or all rows are read', async () => {
  await using database = await freshDatabase(server)
  await using session = await database.open()
  // The ends of days on the clock of Paris, before the summer time and after it.
  await session.run(`
    CREATE TABLE public.zoned (at timestamptz);
    INSERT INTO public.zoned VALUES ('2024-02-29 23:00:00Z'), ('2024-03-05 22:59:59.999999Z'), ('2024-03-06 23:00:00Z'),
      ('2024-03-30 22:59:59Z'), ('2024-03-31 21:59:59Z'), ('2024-03-31 00:30:00Z'), ('2024-03-10 12:00:00Z'), ('2024-03-10 13:00:00Z');
    CREATE TABLE public.local (at timestamp);
    INSERT INTO public.local VALUES ('2024-03-01 00:00:00'), ('2024-03-01 23:59:59.999999'), ('2024-03-31 23:59:59.999999'), ('2024-03-15 00:00:00');
    CREATE TABLE public.keyed (at int); INSERT INTO public.keyed VALUES (20240302), (20240302), (20240331), (NULL);
    CREATE TABLE public.empty (at timestamptz)
  `)
  const days = async (name: string, kind: Policy['kind']) =>
    [...(await daysWithRows(session, policy(kind), [{ schema: 'public', name, from, until }]))].toSorted()
  const march = (...days: number[]) => days.map((day) => `2024-03-${String(day).padStart(2, '0')}`)
  const expected = {
    zoned: march(1, 5, 7, 10, 30, 31),
    local: march(1, 15, 31),
    keyed: ['', ...march(2, 31)],
    empty: [],
  }
  const all = async () => ({
    zoned: await days('zoned', 'timestamptz'),
    local: await days('local', 'timestamp'),
    keyed: await days('keyed', 'date_key'),
    empty: await days('empty', 'timestamptz'),
  })
  expect(await all()).toEqual(expected)
  // Neither of them has all rows in order.
  await session.run(
    `CREATE INDEX ON public.zoned (at) WHERE at < '2024-03-02'; CREATE INDEX ON public.local USING hash (at)`,
  )
  expect(await all()).toEqual(expected)
  await session.run(
    'CREATE INDEX ON public.zoned (at DESC); CREATE INDEX ON public.local (at); CREATE INDEX ON public.empty (at)',
  )
  expect(await all()).toEqual(expected)
  const bare = { schema: 'public', name: 'zoned' }
  expect([...(await daysWithRows(session, policy('timestamptz'), [bare]))].toSorted()).toEqual(expected.zoned)
})
