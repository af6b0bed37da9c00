import { describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { ensureLedger } from '../../src/migrate/apply.ts'
import type { PartitionedDataset } from '../../src/partitions/create.ts'
import { datasetOf } from '../partitions/policies.ts'
import { seal, told } from '../partitions/sealing.ts'
import { ended, startDwh } from '../support/cli.ts'
import { databaseTemplate } from '../support/database.ts'
import { server, servers } from '../support/servers.ts'
import { untilStopped } from '../support/until.ts'
import { quietWork } from '../support/work.ts'
import { csv, leftovers, loadingPlace } from './loading.ts'

const partition = { key: 'day', kind: 'date', grain: 'month', from: '2024-01-01', premake: 0 }
const datasets = {
  sales: { target: 'public.sales', key: ['day', 'id'], partition },
  keyless: { target: 'public.sales', scope: 'true', partition },
  // Its key says nothing of the leaf.
  movers: { target: 'public.movers', key: ['id'], partition },
}
const leaf = (name: string, month: number) =>
  `CREATE TABLE ${name}_2024_0${month} PARTITION OF ${name} FOR VALUES FROM ('2024-0${month}-01') TO ('2024-0${month + 1}-01');`
const tables = `
  SET search_path = public;
  CREATE TABLE sales (day date, id int, v int CHECK (v >= 0), PRIMARY KEY (day, id)) PARTITION BY RANGE (day);
  CREATE TABLE movers (day date, id int, v int, UNIQUE (day, id)) PARTITION BY RANGE (day);
  ${['sales', 'movers'].map((name) => [1, 2, 3].map((month) => leaf(name, month)).join('')).join('')}
  INSERT INTO sales SELECT '2024-01-01'::date + i % 50, i, 1 FROM generate_series(0, 99) AS i;
  INSERT INTO movers SELECT * FROM sales`
const named = (name: 'sales' | 'movers'): PartitionedDataset => ({
  ...datasetOf(`public.${name}`, partition),
  name,
})

/** January has rows, March has none; both are sealed. */
const template = (server: (typeof servers)[number]) =>
  databaseTemplate(server, async (session) => {
    await ensureLedger(session, quietWork())
    await session.run(tables)
    await seal(session, named('sales'), 'sales_2024_01', 'sales_2024_03')
    await seal(session, named('movers'), 'movers_2024_01')
  })

const header = 'day,id,v'
const row = (day: string, id: number, v: number | string = 2) => [`2024-${day}`, id, v]
const all = "SELECT concat_ws(' ', tableoid::regclass, day, id, v) AS row FROM sales ORDER BY 1"

describe.each(servers)('a load that meets a sealed leaf on $name', (server) => {
  const database = template(server)
  const strategies = [undefined, 'merge', 'append', 'scope'] as const

  test('is refused while it is planned, whatever the strategy', async () => {
    await using place = await loadingPlace(server, database, datasets)
    const before = await place.rows(all)
    const mixed = csv(header, [row('02-01', 1), row('01-05', 1)])
    for (const strategy of strategies)
      expect(await place.refusal('sales', mixed, { strategy })).toMatchObject({
        code: 'LEAF_SEALED',
        message:
          'public.sales_2024_01 is sealed, and file.csv has rows that belong there; nothing was changed',
        hint: 'type: dwh partitions unseal sales sales_2024_01',
      })
    // One without rows would be replaced as a whole.
    for (const strategy of [undefined, 'aside'] as const)
      expect(await place.refusal('sales', csv(header, [row('03-01', 1)]), { strategy })).toMatchObject({
        code: 'LEAF_SEALED',
        hint: 'type: dwh partitions unseal sales sales_2024_03',
      })
    expect(await place.refusal('keyless', csv(header, [row('03-01', 1), row('01-31', 1)]))).toMatchObject({
      message: expect.stringMatching(/^public\.sales_2024_01, public\.sales_2024_03 are sealed, /),
      hint: 'type: dwh partitions unseal keyless sales_2024_01 sales_2024_03',
    })
    expect(await place.rows(all)).toEqual(before)
    expect(await place.rows('SELECT FROM dwh.loads')).toEqual([])
  })

  test('is loaded as ever where its rows are of other leaves, and what is sealed is no obstacle to them', async () => {
    await using place = await loadingPlace(server, database, datasets)
    // What would be of a sealed leaf, and is a reject, does no harm.
    const fresh = csv(header, [row('04-01', 1), row('05-01', 1), row('01-01', 1, 'x'), row('01-02', 1, -1)])
    expect(await place.load('sales', fresh, { budget: { share: 1 } })).toMatchObject({
      plan: { strategy: 'aside', why: 'the leaves are absent or empty' },
      inserted: 2,
      rejected: 2,
    })
    const february = csv(header, [row('02-01', 31, 5), row('02-02', 900)])
    expect(await place.load('sales', february)).toMatchObject({
      plan: { strategy: 'merge' },
      inserted: 1,
      updated: 1,
    })
    const more = csv(header, [row('02-03', 901), row('06-01', 902)])
    expect(await place.load('sales', more, { strategy: 'append' })).toMatchObject({ inserted: 2 })
    const instead = csv(header, [row('02-01', 1), row('02-28', 1)])
    expect(await place.load('keyless', instead)).toMatchObject({
      plan: { strategy: 'scope' },
      inserted: 2,
      replaced: 40,
    })
    // A key of a sealed leaf that the file has nothing new of, and others.
    const same = csv(header, [row('02-01', 31, 7), row('02-02', 500)])
    expect(await place.load('movers', same)).toMatchObject({ inserted: 1, updated: 1 })
    expect(await told(place.session)).toEqual([
      'movers_2024_01: sealed',
      'sales_2024_01: sealed',
      'sales_2024_03: sealed',
    ])
    expect(await leftovers(place.session)).toEqual([])
  })

  test('fails as a whole where the plan could not know', async () => {
    await using place = await loadingPlace(server, database, datasets)
    const before = await place.rows(all)
    // Every third record is looked at.
    const rows = Array.from({ length: 6000 }, (_, n) => row(n === 1 ? '01-05' : '02-05', 1000 + n))
    const refused = 'public.sales_2024_01 is sealed: INSERT refused; nothing was loaded'
    const late = 'public.sales_2024_01 is sealed, and the file has rows that belong there; nothing was loaded'
    for (const strategy of strategies)
      expect(await place.refusal('sales', csv(header, rows), { strategy })).toMatchObject({
        code: 'LEAF_SEALED',
        message: strategy === 'append' ? refused : late,
        hint: 'type: dwh partitions unseal sales sales_2024_01',
      })
    const aside = rows.map(([day, ...rest]) => [
      String(day).replace('-02-', '-04-').replace('-01-', '-03-'),
      ...rest,
    ])
    expect(
      await place.refusal('sales', csv(header, aside as typeof rows), { strategy: 'aside' }),
    ).toMatchObject({
      code: 'LEAF_SEALED',
      message: late.replace('_01', '_03'),
    })
    expect(await place.rows(all)).toEqual(before)
    expect(await place.rows('SELECT DISTINCT state, error_code FROM dwh.load_states')).toEqual([
      { state: 'failed', error_code: 'LEAF_SEALED' },
    ])

    // Rows that would leave a sealed leaf, or change within it.
    const moved = [row('02-01', 0), row('02-01', 40)]
    for (const rows of [moved, [row('02-01', 0, 1)]])
      expect(await place.refusal('movers', csv(header, rows))).toMatchObject({
        code: 'LEAF_SEALED',
        message: 'public.movers_2024_01 is sealed: UPDATE refused; nothing was loaded',
        hint: 'type: dwh partitions unseal movers movers_2024_01',
      })
    expect(await leftovers(place.session)).toEqual([])
  })
})

const shared = template(server)

test('a leaf that is sealed while rows are on their way to take its place stays as it is', async () => {
  await using place = await loadingPlace(server, shared, datasets)
  place.put('february.csv', csv(header, [row('02-01', 1)]))
  await place.session.run('TRUNCATE sales_2024_02')
  place.put('dwh.yaml', stringify({ name: 'test', datasets: { sales: datasets.sales } }))
  const stopAt = { type: 'step', step: 'leaves', state: 'done' } as const
  const child = startDwh(['load', 'sales', 'february.csv', '--yes'], { ...place.at, stopAt })
  const end = ended(child)
  await untilStopped(child.pid)
  await seal(place.session, named('sales'), 'sales_2024_02')
  child.kill('SIGCONT')
  expect(await end).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(
      /LEAF_SEALED public\.sales_2024_02 is sealed, and the file has rows .*; nothing was loaded\nhint .*unseal sales sales_2024_02/,
    ),
  })
  expect(await told(place.session)).toContain('sales_2024_02: sealed')
  expect(await leftovers(place.session)).toEqual([])
})
