import { expect, test } from 'vitest'
import { planDedup } from '../../src/dedup/plan.ts'
import { dedup } from '../../src/dedup/run.ts'
import { startRun } from '../../src/ledger/runs.ts'
import { ensureLedger } from '../../src/migrate/apply.ts'
import { datasetOf } from '../partitions/policies.ts'
import { seal, told } from '../partitions/sealing.ts'
import { freshDatabase } from '../support/database.ts'
import { servers } from '../support/servers.ts'
import { quietWork } from '../support/work.ts'

const partition = { key: 'day', kind: 'date', grain: 'year', from: '2022', until: '2025', premake: 0 }
const bills = { ...datasetOf('public.bills', partition), name: 'bills', key: ['number'], recency: 'day' }

test.each(servers)(
  'no row of a sealed leaf is moved; those of others are, and the constraint holds for it on $name',
  async (server) => {
    await using database = await freshDatabase(server)
    await using session = await database.open()
    await ensureLedger(session, quietWork())
    await session.run(`
    CREATE TABLE public.bills (number int, day date) PARTITION BY RANGE (day);
    CREATE TABLE public.bills_2022 PARTITION OF public.bills FOR VALUES FROM ('2022-01-01') TO ('2023-01-01');
    CREATE TABLE public.bills_2023 PARTITION OF public.bills FOR VALUES FROM ('2023-01-01') TO ('2024-01-01');
    INSERT INTO public.bills VALUES (1, '2022-01-01'), (2, '2022-01-01'), (2, '2023-01-01'), (3, '2023-01-01'), (3, '2023-02-01')`)
    await seal(session, bills, 'bills_2022')
    await expect(planDedup(session, bills)).rejects.toMatchObject({
      code: 'LEAF_SEALED',
      message: 'public.bills_2022 is sealed, with rows that would be moved; nothing was changed',
      hint: 'type: dwh partitions unseal bills bills_2022',
    })
    await session.run("DELETE FROM public.bills WHERE number = 2 AND day = '2023-01-01'")
    const plan = await planDedup(session, bills)
    const run = await startRun(session, 'dedup', [], 'test', ['bills'])
    expect(await dedup(session, quietWork(), plan, run)).toEqual({ moved: 1, constraint: 'bills_key' })
    expect(await told(session)).toEqual(['bills_2022: sealed'])

    // Sealed after the plan was made.
    await session.run(
      `ALTER TABLE public.bills DROP CONSTRAINT bills_key; INSERT INTO public.bills VALUES (3, '2023-01-03')`,
    )
    const late = await planDedup(session, bills)
    await seal(session, bills, 'bills_2023')
    await expect(dedup(session, quietWork(), late, run)).rejects.toMatchObject({
      code: 'LEAF_SEALED',
      message: 'public.bills_2023 is sealed: DELETE refused; nothing was changed',
    })
    expect(await session.rows('SELECT number FROM public.bills_duplicates')).toEqual([{ number: 3 }])
  },
)
