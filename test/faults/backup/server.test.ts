import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { BackupFolder } from '../../../src/backup/folder.ts'
import type { DwhEvent, Work } from '../../../src/events.ts'
import { ident } from '../../../src/postgres/identifiers.ts'
import { stopServer } from '../../../src/postgres/server/server.ts'
import { Session } from '../../../src/postgres/session.ts'
import { sql } from '../../../src/postgres/sql-files.ts'
import type { Target } from '../../../src/postgres/target.ts'
import { backUp, backupsFolder, provedNow, provedThen, warehouse } from '../../backup/fixture.ts'
import { databaseTemplate, freshDatabase, freshRole } from '../../support/database.ts'
import { everyFault } from '../../support/faults.ts'
import { ownServer } from '../../support/own-server.ts'
import { server } from '../../support/servers.ts'
import { smallFolder } from '../../support/small-disk.ts'
import { targetEnvironment } from '../../support/warehouse.ts'
import { quietWork } from '../../support/work.ts'

/** A `Work` that does something at an event, once, before it goes on. */
function workThat(at: (event: DwhEvent) => boolean, act: () => void): Work {
  const work = quietWork()
  let done = false
  const emit = (event: DwhEvent) => {
    work.emit(event)
    if (done || !at(event)) return
    done = true
    act()
  }
  return { ...work, emit }
}

/** Runs a script while this process, and the backup in it, stands still. */
function atOnce(target: Target, script: string): boolean {
  const env = { ...process.env, ...targetEnvironment(target) }
  return spawnSync('psql', ['-Xq', '-v', 'ON_ERROR_STOP=1', '-c', script], { env }).status === 0
}

const dumpStarts = (event: DwhEvent) =>
  event.type === 'step' && event.step === 'dump and proof' && event.state === 'started'
const snapshotTaken = (event: DwhEvent) =>
  event.type === 'statement' && event.sql === sql('backup/take_snapshot').text

/** What a failure leaves: no backup, but a note. */
function expectNothing(folder: string, code: string): void {
  expect(readdirSync(folder)).toEqual(['failed'])
  const [note] = readdirSync(join(folder, 'failed')).map((name) =>
    readFileSync(join(folder, 'failed', name), 'utf8'),
  )
  expect(JSON.parse(note ?? '{}')).toMatchObject({ code })
}

describe('the server, while a backup is made', () => {
  const template = databaseTemplate(server, warehouse)

  test('structure is not changed meanwhile, and rows that are written are not in it', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    using backups = backupsFolder()
    const before = await provedNow(session, (await backUp(session, backups.path)).manifest.tables)
    const outcomes: boolean[] = []
    const work = workThat(snapshotTaken, () => {
      for (const statement of [
        'TRUNCATE sales_2024_01',
        'DROP TABLE sales_2024_02',
        'ALTER TABLE sales DETACH PARTITION sales_2024_03',
        'ALTER TABLE clients ALTER client TYPE bigint',
        `CREATE TABLE sales_2024_05 (LIKE sales INCLUDING GENERATED); ALTER TABLE sales ATTACH PARTITION sales_2024_05 FOR VALUES FROM ('2024-05-01') TO ('2024-06-01')`,
        `UPDATE sales SET note = 'x'; DELETE FROM sales WHERE d < '2024-02-15'; INSERT INTO sales (id, d, client) VALUES (7777, '2024-05-05', 1)`,
      ])
        outcomes.push(atOnce(database.target, `SET lock_timeout = '50ms'; ${statement}`))
    })
    const { manifest } = await backUp(session, backups.path, {}, work)
    expect(outcomes).toEqual([false, false, false, false, true, true])
    expect(provedThen(manifest.tables)).toEqual(before)
  })

  test('tables that come, go or are truncated before the locks are in it as they are then', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    using backups = backupsFolder()
    const isListed = (event: DwhEvent) =>
      event.type === 'statement' && event.sql === sql('backup/tables').text
    const changes = 'DROP TABLE sales_2024_01; TRUNCATE sales_2024_02; CREATE TABLE late (n int)'
    const work = workThat(isListed, () => atOnce(database.target, changes))
    const { manifest } = await backUp(session, backups.path, {}, work)
    const tables = Object.fromEntries(manifest.tables.map(({ name, rows }) => [name, rows]))
    expect(tables).toMatchObject({ late: 0, sales_2024_02: 0 })
    expect(tables).not.toHaveProperty('sales_2024_01')
    expect(provedThen(manifest.tables)).toEqual(await provedNow(session, manifest.tables))
  })

  test.each(['dwh backup', 'dwh pg_dump'])(
    'a connection of %s that is ended fails it as a whole',
    async (application) => {
      await using database = await freshDatabase(server, { template: template.name })
      await using session = await database.open()
      await using other = await database.open()
      using backups = backupsFolder()
      await session.run(
        `INSERT INTO public.sales (id, d, client, note) SELECT n + 10000, '2024-01-01', 1, repeat('x', 1000) FROM generate_series(1, 50000) AS n`,
      )
      let ending: Promise<void> | undefined
      const end = async () => {
        for (;;) {
          const found = await other.rows<{ ended: boolean }>(
            'SELECT pg_terminate_backend(pid) AS ended FROM pg_stat_activity WHERE datname = current_database() AND application_name = $1',
            [application],
          )
          if (found.length > 0) return
          await sleep(5)
        }
      }
      const failed = backUp(
        session,
        backups.path,
        {},
        workThat(dumpStarts, () => {
          ending = end()
        }),
      )
      await expect(failed).rejects.toMatchObject({
        code: application === 'dwh backup' ? 'SERVER_WENT_AWAY' : 'BACKUP_FAILED',
        message: expect.stringMatching(/^no backup in .*; nothing was changed$/s),
      })
      await ending
      expectNothing(backups.path, application === 'dwh backup' ? 'SERVER_WENT_AWAY' : 'BACKUP_FAILED')
    },
  )

  test('a role that may not read a table, or not all of its rows, gets none', async () => {
    await using clerk = await freshRole(server, 'clerk')
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    await using own = await Session.open({ ...database.target, user: clerk.name }, 'dwh test', quietWork())
    using backups = backupsFolder()
    await session.run(`GRANT pg_read_all_data TO ${ident(clerk.name)}`)
    await backUp(own, backups.path)
    await session.run('ALTER TABLE public.clients ENABLE ROW LEVEL SECURITY')
    const denied = { code: 'PRIVILEGE_MISSING', message: expect.stringContaining('clients') }
    await expect(backUp(own, backups.path)).rejects.toMatchObject(denied)
    await session.run(`ALTER TABLE public.clients DISABLE ROW LEVEL SECURITY; REVOKE pg_read_all_data FROM ${ident(clerk.name)};
      GRANT USAGE ON SCHEMA dwh TO ${ident(clerk.name)};
      GRANT SELECT ON ALL TABLES IN SCHEMA public, dwh TO ${ident(clerk.name)}; REVOKE SELECT ON public.clients FROM ${ident(clerk.name)}`)
    await expect(backUp(own, backups.path)).rejects.toMatchObject(denied)
    await session.run(`GRANT SELECT ON public.clients TO ${ident(clerk.name)}`)
    const revoke = `REVOKE SELECT ON clients FROM ${ident(clerk.name)}`
    const work = workThat(snapshotTaken, () => atOnce(database.target, revoke))
    // Told by whoever comes first: the proof or pg_dump.
    await expect(backUp(own, backups.path, {}, work)).rejects.toMatchObject({
      code: expect.stringMatching(/^(PRIVILEGE_MISSING|BACKUP_FAILED)$/),
      message: expect.stringContaining('clients'),
    })
    expect((await new BackupFolder(backups.path).list()).backups).toHaveLength(1)
  })

  test('a disk of the folder that is full leaves a note, and room', async () => {
    using disk = smallFolder('3m')
    if (!disk) return expect(process.getuid?.()).not.toBe(0)
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    await backUp(session, disk.folder)
    await session.run(
      `CREATE TABLE public.large AS SELECT n, md5(n::text) || md5((-n)::text) AS t FROM generate_series(1, 60000) AS n`,
    )
    for (const compression of ['zstd', 'none'] as const)
      await expect(backUp(session, disk.folder, { compression })).rejects.toMatchObject({ code: 'DISK_FULL' })
    expect(readdirSync(disk.folder)).toHaveLength(2)
    await session.run('DROP TABLE public.large')
    await backUp(session, disk.folder)
    expect(readdirSync(disk.folder).filter((name) => !name.startsWith('b-'))).toEqual([])
  })
})

describe('a server that dies in the middle', () => {
  test.each(everyFault ? ['snapshot taken', 'dump'] : ['dump'])('after %s', async (moment) => {
    const quiet = quietWork()
    await using own = await ownServer(server.binaries)
    using backups = backupsFolder()
    await using session = await Session.open(own.target, 'dwh test', quiet)
    await warehouse(session)
    let stopping: Promise<unknown> | undefined
    const work = workThat(moment === 'dump' ? dumpStarts : snapshotTaken, () => {
      stopping = stopServer(own.folder, quiet, 'immediate')
    })
    await expect(backUp(session, backups.path, {}, work)).rejects.toMatchObject({
      code: expect.stringMatching(/^(SERVER_WENT_AWAY|SERVER_UNREACHABLE|BACKUP_FAILED)$/),
    })
    await stopping
    expect(readdirSync(backups.path)).toEqual(['failed'])
  })
})

describe.runIf(everyFault)('in the large', () => {
  test('2,000 leaves with default lock settings', async () => {
    const quiet = quietWork()
    const settings = { max_locks_per_transaction: 64, max_connections: 100 }
    await using own = await ownServer(server.binaries, settings)
    using backups = backupsFolder()
    await using session = await Session.open(own.target, 'dwh test', quiet)
    await session.run(
      `SET client_min_messages = error; CREATE TABLE public.wide (n int, a int, b text) PARTITION BY LIST (n);
       CREATE INDEX ON public.wide (a); CREATE INDEX ON public.wide (b); CREATE INDEX ON public.wide (n, a)`,
    )
    for (let at = 0; at < 2000; at += 100)
      await session.run(`DO $$ BEGIN FOR n IN ${at}..${at + 99} LOOP
        EXECUTE format('CREATE TABLE public.%I PARTITION OF public.wide FOR VALUES IN (%s)', 'leaf "' || n, n); END LOOP; END $$`)
    for (let at = 0; at < 2000; at += 100)
      await session.run(
        `INSERT INTO public.wide SELECT n, n, 'x' FROM generate_series(${at}, ${at + 99}) AS n`,
      )
    expect(await session.one("SELECT current_setting('max_locks_per_transaction') AS locks")).toEqual({
      locks: '64',
    })
    const { manifest } = await backUp(session, backups.path)
    expect(manifest.tables).toHaveLength(2000)
    const scope = { kind: 'tables', tables: ['"public"."wide"'] } as const
    expect(
      (await backUp(session, backups.path, { scope: { ...scope, tables: [...scope.tables] } })).manifest
        .tables,
    ).toHaveLength(2000)
  }, 600_000)

  test('a session that waits for a lock without a timeout is named', async () => {
    await using database = await freshDatabase(server)
    await using session = await database.open()
    await using other = await database.open()
    await warehouse(session)
    using backups = backupsFolder()
    await other.run('SET lock_timeout = 0')
    let waiting: Promise<unknown> | undefined
    const work = workThat(snapshotTaken, () => {
      waiting = other.run('TRUNCATE public.sales_2024_01')
    })
    await expect(backUp(session, backups.path, {}, work)).rejects.toMatchObject({
      code: 'LOCK_HELD',
      message: expect.stringMatching(/^no backup in .*session \d+ .*sales_2024_01.*TRUNCATE/s),
    })
    await waiting
    await backUp(session, backups.path)
  }, 300_000)
})
