import { describe, expect, test } from 'vitest'
import { createLeaves, planDatasetLeaves } from '../../src/partitions/create.ts'
import { listLeaves } from '../../src/partitions/list.ts'
import type { Session } from '../../src/postgres/session.ts'
import { freshDatabase, type TestDatabase } from '../support/database.ts'
import { servers } from '../support/servers.ts'
import { quietWork } from '../support/work.ts'
import { datasetOf } from './policies.ts'

const years = { key: 'd', grain: 'year', from: '2022', until: '2025', premake: 0, unknown: true }

async function prepare(session: Session): Promise<void> {
  await session.run(
    'CREATE TABLE public.facts (d date, t text COMPRESSION pglz, u text) PARTITION BY RANGE (d)',
  )
  const plan = await planDatasetLeaves(session, datasetOf('public.facts', years))
  await createLeaves(session, quietWork(), plan)
}

/** Leaves a partition half detached, as a DETACH CONCURRENTLY does whose session ends while it waits. */
async function interruptDetach(database: TestDatabase, leaf: string): Promise<void> {
  await using reader = await database.open()
  await using session = await database.open()
  await using detaching = await database.open()
  await reader.run('BEGIN; SELECT FROM public.facts')
  const detach = detaching.run(`ALTER TABLE public.facts DETACH PARTITION public.${leaf} CONCURRENTLY`)
  const cut = expect(detach).rejects.toThrow()
  const pending = () => session.row('SELECT FROM pg_inherits WHERE inhdetachpending')
  while (!(await pending()));
  await session.run('SELECT pg_terminate_backend($1, 5000)', [detaching.pid])
  await cut
  await reader.run('COMMIT')
}

describe.each(servers)('the list on $name', (server) => {
  test('has every leaf with bounds, rows, size and compression, in the order of the bounds', async () => {
    await using database = await freshDatabase(server)
    await using session = await database.open()
    await prepare(session)
    await session.run(
      `INSERT INTO public.facts SELECT '2023-01-01'::date + i % 300 FROM generate_series(1, 500) AS i; INSERT INTO public.facts VALUES (NULL)`,
    )
    const before = await listLeaves(session, datasetOf('public.facts', years), false)
    expect(before).toMatchObject({ dataset: 'facts', target: 'partitioned', runwayDays: undefined })
    expect(before.leaves).toMatchObject([
      {
        leaf: 'facts_2022',
        from: '2022-01-01',
        to: '2023-01-01',
        rows: undefined,
        exact: false,
        state: 'ok',
        analyzedAt: undefined,
      },
      { leaf: 'facts_2023', from: '2023-01-01', to: '2024-01-01', rows: undefined },
      { leaf: 'facts_2024' },
      { leaf: 'facts_unknown', from: undefined, to: undefined },
    ])
    expect(new Set(before.leaves.map(({ compression }) => compression))).toEqual(new Set(['default pglz']))
    expect(before.leaves[1]?.bytes).toBeGreaterThan(before.leaves[0]?.bytes as number)

    await session.run('ANALYZE public.facts_2023')
    const after = await listLeaves(session, datasetOf('public.facts', years), false)
    expect(after.leaves[1]).toMatchObject({ rows: 500, exact: false, analyzedAt: expect.any(Date) })
    const exact = await listLeaves(session, datasetOf('public.facts', years), true)
    expect(exact.leaves.map(({ rows, exact }) => [rows, exact])).toEqual([
      [0, true],
      [500, true],
      [0, true],
      [1, true],
    ])
  })

  test('says what is missing, has an invalid index, or was left half detached', async () => {
    await using database = await freshDatabase(server)
    await using session = await database.open()
    await prepare(session)
    await session.run(
      `INSERT INTO public.facts VALUES ('2022-05-01'), ('2022-05-01'); DROP TABLE public.facts_unknown`,
    )
    await expect(
      session.run('CREATE UNIQUE INDEX CONCURRENTLY broken ON public.facts_2022 (d)'),
    ).rejects.toThrow('could not create unique index')
    await interruptDetach(database, 'facts_2023')
    const states = async (policy: object) =>
      (await listLeaves(session, datasetOf('public.facts', policy), false)).leaves.map(({ leaf, state }) => [
        leaf,
        state,
      ])
    const wider = { ...years, from: '2021', until: '2026' }
    expect(await states(wider)).toEqual([
      ['facts_2021', 'missing'],
      ['facts_2022', 'invalid index'],
      ['facts_2023', 'pending detach'],
      ['facts_2024', 'ok'],
      ['facts_2025', 'missing'],
      ['facts_unknown', 'missing'],
    ])

    // What is missing can be made whatever else is wrong; then the ways out that the command names.
    await createLeaves(
      session,
      quietWork(),
      await planDatasetLeaves(session, datasetOf('public.facts', wider)),
    )
    await session.run('DELETE FROM public.facts_2022')
    await session.run('REINDEX INDEX CONCURRENTLY public.broken')
    await session.run('ALTER TABLE public.facts DETACH PARTITION public.facts_2023 FINALIZE')
    await session.run('DROP TABLE public.facts_2023')
    await createLeaves(
      session,
      quietWork(),
      await planDatasetLeaves(session, datasetOf('public.facts', wider)),
    )
    expect(new Set((await states(wider)).map(([, state]) => state))).toEqual(new Set(['ok']))
  })

  test('of year and quarter is in order too, and so is that of years beyond 9999', async () => {
    await using database = await freshDatabase(server)
    await using session = await database.open()
    await session.run('CREATE TABLE public.facts (y int, q int) PARTITION BY RANGE (y, q)')
    const policy = {
      kind: 'year_quarter',
      key: ['y', 'q'],
      grain: 'quarter',
      from: '9999-07',
      until: '10000-07',
      ceiling: '12000',
      premake: 0,
    }
    await createLeaves(
      session,
      quietWork(),
      await planDatasetLeaves(session, datasetOf('public.facts', policy)),
    )
    const { leaves } = await listLeaves(session, datasetOf('public.facts', policy), false)
    expect(leaves.map(({ leaf, from }) => [leaf, from])).toEqual([
      ['facts_9999_q3', '9999, 3'],
      ['facts_9999_q4', '9999, 4'],
      ['facts_10000_q1', '10000, 1'],
      ['facts_10000_q2', '10000, 2'],
    ])
  })

  test('counts the days of runway by the clock of the server', async () => {
    await using database = await freshDatabase(server)
    await using session = await database.open()
    await session.run('CREATE TABLE public.facts (d date) PARTITION BY RANGE (d)')
    const policy = { key: 'd', grain: 'day', premake: 3 }
    const plan = await planDatasetLeaves(session, datasetOf('public.facts', policy))
    await createLeaves(session, quietWork(), plan)
    const { runwayDays } = await listLeaves(session, datasetOf('public.facts', policy), false)
    // Midnight may have passed since.
    expect([4, 3]).toContain(runwayDays)
  })

  test('of a plain table, or none, is empty and says so', async () => {
    await using session = await server.open()
    const dataset = datasetOf('public.facts', years)
    expect(await listLeaves(session, dataset, false)).toMatchObject({ target: 'missing', leaves: [] })
    await session.run('BEGIN; CREATE TABLE public.facts (d date)')
    expect(await listLeaves(session, dataset, false)).toMatchObject({ target: 'plain', leaves: [] })
    await session.run('ROLLBACK')
  })

  test('is made by a session that cannot write', async () => {
    await using database = await freshDatabase(server)
    await using session = await database.open()
    await prepare(session)
    await session.run('SET default_transaction_read_only = on')
    expect((await listLeaves(session, datasetOf('public.facts', years), true)).leaves).toHaveLength(4)
  })
})
