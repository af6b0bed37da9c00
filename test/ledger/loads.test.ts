import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { DwhError } from '../../src/errors.ts'
import {
  failLoad,
  findAbandonedLoads,
  findFinishedLoad,
  finishLoad,
  hasLoadOfSize,
  type LoadFigures,
  listLoads,
  type NewLoad,
  openLoad,
  recordDigest,
  recordLanding,
  supersede,
} from '../../src/ledger/loads.ts'
import { endRun, pruneRuns, startRun } from '../../src/ledger/runs.ts'
import { ensureLedger } from '../../src/migrate/apply.ts'
import type { Session } from '../../src/postgres/session.ts'
import { inTransaction } from '../../src/postgres/transaction.ts'
import { databaseTemplate, freshDatabase } from '../support/database.ts'
import { servers } from '../support/servers.ts'
import { until } from '../support/until.ts'
import { quietWork } from '../support/work.ts'

const table = { schema: 'public', name: 'Sales "EU"' }
const sha256 = createHash('sha256').update('rows').digest('hex')
const identity = { bytes: 120, sha256, mapping: 'm1' }
const figures: LoadFigures = {
  records: 10,
  inserted: 4,
  updated: 2,
  unchanged: 1,
  moved: 1,
  replaced: 0,
  duplicates: 1,
  rejected: 2,
  leaves: [
    { name: 'public.sales_2024', rows: 4, hash_1: '-3', hash_2: '12345678901234567890', algorithm: 'a/1' },
  ],
}

const newRun = (session: Session) => startRun(session, 'load', [], 'shop', ['sales'])

async function opened(session: Session, more: Partial<NewLoad> = {}): Promise<number> {
  return openLoad(session, {
    run: more.run ?? (await newRun(session)),
    warehouse: 'shop',
    dataset: 'sales',
    table,
    input: 'sales.csv',
    mapping: 'm1',
    strategy: 'merge',
    bytes: 120,
    sha256,
    ...more,
  })
}

const finished = (session: Session, load: number) =>
  inTransaction(session, () => finishLoad(session, load, figures))

describe.each(servers)('the loads of a ledger on $name', (server) => {
  const template = databaseTemplate(server, (session) => ensureLedger(session, quietWork()))
  const fresh = () => freshDatabase(server, { template: template.name })

  test('an attempt from its beginning to its end, and what is remembered of it', async () => {
    await using database = await fresh()
    await using session = await database.open()
    const run = await newRun(session)
    const header = Buffer.from('id;été\r\n', 'latin1')
    const load = await opened(session, { run, header, bytes: null, sha256: null, input: 'a\0b\ud800.csv' })
    expect(await listLoads(session)).toMatchObject([
      {
        load,
        run,
        state: 'running',
        header,
        bytes: null,
        sha256: null,
        landing: [],
        records: null,
        input: 'a\\x00b\ufffd.csv',
      },
    ])
    // Without its digest it is not accounted for.
    await expect(finished(session, load)).rejects.toMatchObject({
      cause: { constraint: 'loads_end_has_identity' },
    })

    await recordDigest(session, load, identity)
    await recordLanding(session, load, [{ schema: 'public', name: 'x, "y"' }])
    await recordLanding(session, load, [{ schema: 's', name: 'z' }])
    const [{ landing = [] } = {}] = await listLoads(session, { load })
    expect(landing).toEqual(['"public"."x, ""y"""', '"s"."z"'])
    expect(await hasLoadOfSize(session, table, 120)).toBe(false)
    expect(await findFinishedLoad(session, table, identity)).toBeUndefined()

    await finished(session, load)
    expect(await findFinishedLoad(session, table, identity)).toMatchObject({
      ...figures,
      ...identity,
      load,
      state: 'done',
      landing: [],
      finished_at: expect.any(Date),
      failed_at: null,
    })
    expect(await hasLoadOfSize(session, table, 120)).toBe(true)
    expect(await hasLoadOfSize(session, table, 121)).toBe(false)
    expect(await hasLoadOfSize(session, { ...table, name: 'sales' }, 120)).toBe(false)
    expect(await findFinishedLoad(session, table, { ...identity, mapping: 'm2' })).toBeUndefined()
    expect(await listLoads(session, { dataset: 'sales', state: 'done', warehouse: 'shop' })).toHaveLength(1)
    expect(await listLoads(session, { dataset: 'other' })).toEqual([])

    // It has ended: nothing more happens to it.
    const over = { code: 'LEASE_LOST', exit: 6 }
    await expect(finished(session, load)).rejects.toMatchObject(over)
    await expect(recordLanding(session, load, [table])).rejects.toMatchObject(over)
    await expect(recordDigest(session, load, identity)).rejects.toMatchObject(over)
    await failLoad(session, load, new DwhError('FAILED', 'no'))
    expect(await listLoads(session)).toMatchObject([{ state: 'done', error: null }])
  })

  test('the same content is loaded once, whoever is faster, and once more with --again', async () => {
    await using database = await fresh()
    await using session = await database.open()
    const run = await newRun(session)
    const first = await opened(session, { run })
    const second = await opened(session)
    await using other = await database.open('dwh other')
    await session.run('BEGIN')
    await finishLoad(session, first, figures)
    const refused = finished(other, second).catch((error) => error)
    await using watch = await database.open()
    await until(
      watch,
      `SELECT FROM pg_stat_activity WHERE application_name = 'dwh other' AND wait_event_type = 'Lock'`,
    )
    await session.run('COMMIT')
    expect(await refused).toMatchObject({
      code: 'LOADED_MEANWHILE',
      exit: 6,
      message: `load ${first} of run ${run} has loaded the same content meanwhile; this load changed nothing`,
      hint: expect.stringMatching('--again'),
    })
    expect(await listLoads(session, { load: second })).toMatchObject([
      { state: 'running', finished_at: null },
    ])
    await failLoad(session, second, await refused)

    // Another mapping makes other rows of the same bytes, and an empty file is a file.
    await finished(session, await opened(session, { mapping: 'm2' }))
    await finished(session, await opened(session, { bytes: 0 }))

    const third = await opened(session)
    expect(await supersede(session, await opened(session, { mapping: 'm9' }))).toBeUndefined()
    await inTransaction(session, async () => {
      expect(await supersede(session, third)).toBe(first)
      await finishLoad(session, third, figures)
    })
    expect(await findFinishedLoad(session, table, identity)).toMatchObject({ load: third, state: 'done' })
    expect(await listLoads(session, { load: first })).toMatchObject([
      { state: 'superseded', superseded_by: third },
    ])
    expect(await listLoads(session, { load: second })).toMatchObject([
      { state: 'failed', error_code: 'LOADED_MEANWHILE', failed_at: expect.any(Date) },
    ])
    // One that rolls back leaves the earlier one in its place.
    await session.run('BEGIN')
    expect(await supersede(session, await opened(session))).toBe(third)
    await session.run('ROLLBACK')
    expect(await listLoads(session, { state: 'done' })).toHaveLength(3)
  })

  test('attempts whose run is gone are found with their tables; what is finished outlives its run', async () => {
    await using database = await fresh()
    await using session = await database.open()
    const kept = await opened(session)
    await finished(session, kept)
    let died = 0
    {
      await using gone = await database.open('dwh gone')
      died = await opened(gone)
      await recordLanding(gone, died, [{ schema: 'public', name: 'staging' }])
      expect(await findAbandonedLoads(session, table, 'none')).toEqual([])
    }
    await until(session, `SELECT FROM dwh.load_states WHERE load = ${died} AND state = 'died'`)
    const endedRun = await newRun(session)
    const forgotten = await opened(session, { run: endedRun })
    await endRun(session, endedRun, new DwhError('FAILED', 'no'))
    const abandoned = [
      { load: died, landing: ['"public"."staging"'] },
      { load: forgotten, run: endedRun, landing: [] },
    ]
    expect(await findAbandonedLoads(session, table, 'none')).toMatchObject(abandoned)
    expect(await findAbandonedLoads(session, { schema: 'public', name: 'other' }, 'none')).toEqual([])

    await session.run(`UPDATE dwh.runs SET started_at = started_at - interval '1 year'`)
    await pruneRuns(session, 3600)
    expect(await findAbandonedLoads(session, table, 'none')).toMatchObject(
      abandoned.map((one) => ({ ...one, run: null })),
    )
    for (const { load } of abandoned) await failLoad(session, load, new DwhError('FAILED', 'its run died'))
    expect(await findAbandonedLoads(session, table, 'none')).toEqual([])
    expect(await listLoads(session)).toMatchObject([
      { load: forgotten, state: 'failed', run: null },
      { load: died, state: 'failed', run: null, landing: [], error: 'its run died' },
      { load: kept, state: 'done' },
    ])
    expect(await findFinishedLoad(session, table, identity)).toMatchObject({ load: kept })
  })
})
