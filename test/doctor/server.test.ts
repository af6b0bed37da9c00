import { spawnSync } from 'node:child_process'
import { chownSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Answer } from '../../src/doctor/answer.ts'
import { startServer, stopServer } from '../../src/postgres/server/server.ts'
import { Session } from '../../src/postgres/session.ts'
import type { Target } from '../../src/postgres/target.ts'
import { freshDatabase } from '../support/database.ts'
import { ownServer } from '../support/own-server.ts'
import { servers, server as shared } from '../support/servers.ts'
import { quietWork } from '../support/work.ts'
import { ask, findings, mend } from './ask.ts'
import { asDatasets } from './sick.ts'

const poor = {
  shared_buffers: '1MB',
  max_parallel_workers: 0,
  max_connections: 20,
  max_prepared_transactions: 5,
  max_locks_per_transaction: 10,
  autovacuum: false,
}
const limits = { transactionSeconds: 0, horizonTransactions: 100, wraparoundTransactions: 1000 }

/** A transaction left prepared, one left open, and many others after them. */
async function hold(session: Session, target: Target): Promise<Session> {
  await session.run("BEGIN; CREATE TABLE public.held (id integer); PREPARE TRANSACTION 'it''s mine'")
  const sleeper = await Session.open(target, 'a long report', quietWork())
  await sleeper.run('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1')
  await session.run(
    'DO $$ BEGIN FOR n IN 1..1500 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$',
  )
  return sleeper
}

describe.each(servers)('a server of its own, $name', ({ binaries }) => {
  test('each no is mended by what it names; and then it is a standby', async () => {
    const work = quietWork()
    await using server = await ownServer(binaries, poor)
    const { target, folder } = server
    const heal = async (session: Session, ids: string[]) => {
      for (const id of ids) {
        const { [id]: answer } = await ask(target, [], { limits, only: [id] })
        await mend(session, answer as Answer)
        expect([id, (await ask(target, [], { limits, only: [id] }))[id]?.answer]).toEqual([id, 'yes'])
      }
    }
    const settings = ['memory', 'cores', 'locks', 'autovacuum']
    {
      await using session = await Session.open(target, 'dwh test', work)
      await session.run('CREATE TABLE public.measure (day date) PARTITION BY RANGE (day)')
      await session.run(`DO $$ BEGIN FOR n IN 1..40 LOOP
        EXECUTE format('CREATE TABLE public.m%s PARTITION OF public.measure FOR VALUES FROM (%L) TO (%L)',
                       n, date '2024-01-01' + n, date '2024-01-02' + n);
        END LOOP; END $$`)
      await session.run("SELECT pg_create_physical_replication_slot('nobody', true)")
      await using sleeper = await hold(session, target)
      const sick = await ask(target, [], { limits })
      const ids = ['prepared', 'long_transactions', 'replication_slots', 'wraparound']
      expect(findings(sick, ['lz4', ...settings, ...ids, 'horizon', 'primary'])).toEqual({
        lz4: binaries.lz4 ? 'yes: yes' : 'warning: no: pglz is used instead',
        memory: expect.stringMatching(/^warning: shared_buffers 0\.0 GB of \d/),
        cores: expect.stringMatching(/^warning: 0 parallel workers on \d+ cores$/),
        locks: 'no: 250 locks; 10 queries over the 40 leaves of public.measure take 410',
        autovacuum: 'no: autovacuum is off',
        prepared: "no: 'it''s mine' of postgres for 0 min",
        long_transactions: `no: session ${sleeper.pid} (postgres, a long report, idle in transaction) for 0 min`,
        replication_slots: 'warning: nobody keeps 0 MB of WAL',
        wraparound: expect.stringMatching(/^no: .* \d+ transactions, \d+ multixacts ago/),
        horizon: expect.stringMatching(/^no: (session|prepared transaction) .* of \d+ transactions ago/),
        primary: 'yes: it is a primary',
      })
      const strict = await ask(target, [], { limits: { slotBytes: 0 }, only: ['replication_slots'] })
      expect(strict.replication_slots?.answer).toBe('no')
      await heal(session, ids)
      await using _another = await hold(session, target)
      await heal(session, ['horizon'])
      for (const id of settings) await mend(session, sick[id] as Answer)
    }
    await stopServer(folder, work)
    await startServer(folder, work, { binaries, settings: poor })
    const healthy = await ask(target, [], { only: settings })
    expect(Object.values(healthy).map(({ answer }) => answer)).toEqual(settings.map(() => 'yes'))

    await stopServer(folder, work)
    writeFileSync(join(folder, 'data', 'standby.signal'), '')
    await startServer(folder, work, { binaries, settings: poor })
    const standby = await ask(target)
    expect(standby.primary).toMatchObject({
      answer: 'no',
      finding: 'it is a standby',
      mend: { kind: 'advice', text: expect.stringContaining('SELECT pg_promote()') },
    })
    await using session = await Session.open(target, 'dwh test', work)
    await session.run('SELECT pg_promote()')
    expect((await ask(target, [], { only: ['primary'] })).primary?.answer).toBe('yes')
  })
})

test('a disk with less than twice the table free, and then with more', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'small-disk-'))
  const resize = (how: string) => spawnSync('mount', ['-t', 'tmpfs', '-o', how, 'tmpfs', folder]).status === 0
  if (!resize('size=16m')) {
    rmSync(folder, { recursive: true })
    context.skip('a small disk can only be mounted by root')
  }
  try {
    await using database = await freshDatabase(shared)
    const { uid, gid } = statSync(database.target.host)
    chownSync(folder, uid, gid)
    await using session = await database.open()
    const tablespace = `small_${database.name}`
    await session.run(`CREATE TABLESPACE ${tablespace} LOCATION '${folder}'`)
    await session.run(`CREATE TABLE public.large (payload text) TABLESPACE ${tablespace};
      INSERT INTO public.large SELECT repeat('x', 100) FROM generate_series(1, 50000) AS n`)
    const datasets = asDatasets({ large: { target: 'public.large' } })
    const disk = async () => (await ask(database.target, datasets, { only: ['disk'] })).disk
    expect(await disk()).toMatchObject({
      answer: 'no',
      finding: expect.stringMatching(/ GB free in .*small-disk-.* needed for public\.large$/),
      mend: { kind: 'advice', text: `free some room in ${folder}` },
    })
    expect(resize('remount,size=64m')).toBe(true)
    expect(await disk()).toMatchObject({ answer: 'yes' })
    for (const statement of ['DROP TABLE public.large', 'CHECKPOINT', `DROP TABLESPACE ${tablespace}`])
      await session.run(statement)
  } finally {
    spawnSync('umount', [folder])
    rmSync(folder, { recursive: true, force: true })
  }
})
