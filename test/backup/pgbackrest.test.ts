import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Temporal } from 'temporal-polyfill'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { stringify } from 'yaml'
import { createPhysical, kindByAge } from '../../src/backup/pgbackrest/create.ts'
import { listPhysical, type PhysicalBackup } from '../../src/backup/pgbackrest/info.ts'
import type { Repository } from '../../src/backup/pgbackrest/repository.ts'
import { planPhysical } from '../../src/backup/pgbackrest/restore/plan.ts'
import { restorePhysical } from '../../src/backup/pgbackrest/restore/run.ts'
import { verifyPhysical } from '../../src/backup/pgbackrest/verify.ts'
import type { DwhError } from '../../src/errors.ts'
import { postmaster } from '../../src/postgres/server/postmaster.ts'
import { stopServer } from '../../src/postgres/server/server.ts'
import { Session } from '../../src/postgres/session.ts'
import { dwh, dwhDone } from '../support/cli.ts'
import { targetEnvironment } from '../support/warehouse.ts'
import { quietWork } from '../support/work.ts'
import { ArchivedServer, withoutPgBackRest } from './archived-server.ts'

const jobs = 2
const why = withoutPgBackRest()
if (why) process.stderr.write(`pgBackRest is not tested: ${why}\n`)

/** What was thrown, which must have been. */
async function refusal(work: Promise<unknown>): Promise<DwhError> {
  return work.then(
    (value) => {
      throw new Error(`nothing was refused: ${JSON.stringify(value)}`)
    },
    (error) => error,
  )
}

// One server and one repository for all, in the order that they stand in: each backup takes seconds.
describe.skipIf(why)('pgBackRest', () => {
  let archived: ArchivedServer
  let repository: Repository
  let session: Session
  let notes: string
  /** Between two commits. */
  let between: Temporal.Instant
  let full: PhysicalBackup
  let incremental: PhysicalBackup

  const create = () => createPhysical(session, quietWork(), repository, { jobs })
  /** A folder with a warehouse file that speaks of the repository. */
  const cli = (folder = repository.folder, datasets = {}) => {
    const cwd = join(archived.place, 'warehouse')
    mkdirSync(cwd, { recursive: true })
    const pgbackrest = { stanza: 'demo', repository: folder }
    const file = { name: 'test', datasets, backup: { engine: 'pgbackrest', pgbackrest } }
    writeFileSync(join(cwd, 'dwh.yaml'), stringify(file))
    return { cwd, env: targetEnvironment(archived.server.target) }
  }
  const table = (name: string) => ({ schema: 'public', name })
  const restore = async (folder: string, { keepRunning = false, at = between, work = quietWork() } = {}) => {
    const plan = await planPhysical(repository, work, { at, folder })
    const live = { ...archived.server.target, password: 'the sentinel' }
    const tables = ['before', 'after', 'apart', 'nowhere'].map(table)
    return { plan, ...(await restorePhysical(repository, work, plan, { live, tables, keepRunning })) }
  }

  beforeAll(async () => {
    archived = await ArchivedServer.start()
    ;({ repository, session } = archived)
    notes = archived.spy()
    vi.stubEnv('PGPASSWORD', 'the sentinel')
    vi.stubEnv('PGBACKREST_STANZA', 'another')
  })
  afterAll(async () => {
    vi.unstubAllEnvs()
    await archived[Symbol.asyncDispose]()
  })

  test('says which settings archive the WAL, and works when they were typed', async () => {
    const missing = await refusal(create())
    expect(missing).toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/archive_command is not set; nothing was backed up$/),
    })
    const typed = (missing.hint ?? '').split('\n').filter((line) => line.startsWith('  '))
    expect(typed).toEqual([
      expect.stringMatching(
        /^ {2}ALTER SYSTEM SET archive_command = '\/.*pgbackrest ''--config=\/.*'' --stanza=demo archive-push "%p"';$/,
      ),
      '  SELECT pg_reload_conf();',
    ])
    for (const statement of typed) await session.run(statement)
    // Readable by the server, which calls it, and by nobody else.
    expect(statSync(repository.config)).toMatchObject({
      uid: statSync(archived.server.folder).uid,
      mode: 0o100600,
    })

    // Segments are refused, as by a disk that is full: told as soon as the server gives up, not when pgBackRest does.
    const archive = join(repository.folder, 'archive', 'demo')
    chmodSync(archive, 0o500)
    await session.run('SELECT pg_switch_wal() FROM pg_create_restore_point($$any$$)')
    const broken = await refusal(create())
    chmodSync(archive, 0o750)
    expect(broken).toMatchObject({
      code: 'BACKUP_FAILED',
      message: expect.stringMatching(
        /^archive_command failed 3 times in a row on the WAL segment \w{24}; no/,
      ),
    })
    expect(await listPhysical(repository, quietWork())).toMatchObject({ state: 'no backup', backups: [] })
  })

  test('makes a full backup, which is found as it was written', async () => {
    const tablespace = join(archived.place, 'apart')
    mkdirSync(tablespace)
    const { uid, gid } = { ...statSync(tablespace), ...archived.account }
    chownSync(tablespace, uid, gid)
    await session.run(`CREATE TABLESPACE apart LOCATION '${tablespace}'`)
    await session.run(`CREATE TABLE public.before (id integer PRIMARY KEY, text text) PARTITION BY RANGE (id);
      CREATE TABLE public.before_1 PARTITION OF public.before FOR VALUES FROM (0) TO (1000);
      CREATE TABLE public.before_2 PARTITION OF public.before FOR VALUES FROM (1000) TO (9000);
      INSERT INTO public.before SELECT g, md5(g::text) FROM generate_series(0, 4999) AS g;
      CREATE TABLE public.apart TABLESPACE apart AS SELECT 1 AS a;
      CREATE TABLE public.worn WITH (autovacuum_enabled = false) AS SELECT g FROM generate_series(1, 500) AS g`)
    // What a copy must not do: load what works by itself, or wait for a standby of the original.
    await session.run(`ALTER SYSTEM SET shared_preload_libraries = 'not_installed_here'`)
    const made = await dwhDone(['backup', 'create', '--yes', '--json'], cli())
    expect(made.stderr).toMatch(/^A full backup by pgBackRest, stanza demo, in .*\n {2}the whole server: /)
    const { folder, damaged_files, ...backup } = JSON.parse(made.stdout)
    full = backup
    expect({ folder, damaged_files }).toEqual({ folder: repository.folder, damaged_files: [] })
    expect(full).toMatchObject({ kind: 'full', needs: [], damaged: false })
    expect(full.data_bytes).toBeGreaterThan(full.bytes)
    const segment = expect.stringMatching(/^\w{24}$/)
    expect(full.wal).toEqual({ first: segment, last: segment })
    expect(await verifyPhysical(repository, quietWork(), { jobs })).toMatchObject({
      backups: 1,
      findings: [],
    })
  })

  test('tells of pages whose checksums are wrong, in a backup that holds what changed', async () => {
    const { path } = await session.one<{ path: string }>(`SELECT pg_relation_filepath('public.worn') AS path`)
    await session.run('UPDATE public.before SET text = NULL WHERE id = 7')
    // From here on nobody writes that table, whose pages would be whole again.
    for (const statement of ['VACUUM public.worn', 'CHECKPOINT']) await session.run(statement)
    const file = join(archived.server.folder, 'data', path)
    const bytes = readFileSync(file)
    bytes.writeUInt8(bytes.readUInt8(5000) ^ 1, 5000)
    writeFileSync(file, bytes)
    const made = await dwh(['backup', 'create', '--yes', '--json'], cli())
    expect(made).toMatchObject({ code: 4, stderr: expect.stringMatching(/the backup is made, but pages of/) })
    expect(made.stderr).toMatch(/^An incremental backup/)
    const listed = JSON.parse((await dwhDone(['backup', 'list', '--json'], cli())).stdout)
    expect(listed).toMatchObject({
      folder: repository.folder,
      stanza: 'demo',
      state: 'ok',
      archives: [{ server: String(Math.floor(session.serverVersion / 10_000)) }],
      backups: [{ kind: 'incr', needs: [full.backup], damaged: true }, full],
    })
    const { age_seconds, ...same } = listed.backups[0]
    incremental = same
    expect(age_seconds).toBeGreaterThanOrEqual(0)
    const damaged_files = [expect.stringMatching(path)]
    expect(JSON.parse(made.stdout)).toEqual({ ...same, folder: repository.folder, damaged_files })
    expect(incremental.bytes).toBeLessThan(full.bytes)
  })

  test('finds what is damaged in a repository, wherever it was moved to', async () => {
    const folder = join(archived.place, 'moved')
    // The archive goes on after the backup, so that what is taken out of it is a hole and not its end.
    await session.run('SELECT pg_switch_wal() FROM pg_create_restore_point($$after the backup$$)')
    const segments = () =>
      globSync('archive/demo/*/*/*', { cwd: repository.folder }).map((file) => basename(file))
    const last = incremental.wal?.last ?? ''
    await expect
      .poll(() => segments().some((name) => name.slice(0, 24) > last), { timeout: 30_000 })
      .toBe(true)
    execFileSync('cp', ['-a', repository.folder, folder])
    const moved = { ...repository, folder, config: join(folder, 'demo.conf') }
    const [bundle = ''] = globSync(`backup/demo/${full.backup}/bundle/*`, { cwd: folder })
    const bytes = readFileSync(join(folder, bundle))
    bytes.writeUInt8(bytes.readUInt8(1000) ^ 1, 1000)
    writeFileSync(join(folder, bundle), bytes)
    const first = incremental.wal?.first
    for (const segment of globSync(`archive/demo/*/*/${first}*`, { cwd: folder }))
      rmSync(join(folder, segment))
    const found = await dwh(['backup', 'verify', '--latest', '--json'], cli(folder))
    expect(found).toMatchObject({
      code: 4,
      stderr: expect.stringMatching(/CHECK_FAILED 4 problems; nothing was/),
    })
    expect(JSON.parse(found.stdout).findings).toEqual(
      expect.arrayContaining([
        {
          backup: full.backup,
          problem: expect.stringMatching(/^invalid checksum: [\w-]+F\/pg_data\//),
        },
        {
          backup: incremental.backup,
          problem: expect.stringMatching(`^WAL is missing that it needs: ${first}`),
        },
        { backup: incremental.backup, problem: expect.stringMatching(/wrong checksums/) },
        { backup: null, problem: expect.stringMatching(/^WAL is missing between \w{24} and \w{24}$/) },
      ]),
    )
    rmSync(join(folder, 'backup', 'demo', incremental.backup), { recursive: true })
    expect((await verifyPhysical(moved, quietWork(), { jobs })).findings).toEqual(
      expect.arrayContaining([
        { backup: incremental.backup, problem: expect.stringMatching(/its folder is not there/) },
      ]),
    )
  })

  test('restores to a time between two commits, into a server that acts for nobody', async () => {
    await sleep(1100)
    await session.run('CREATE TABLE public.after (a integer)')
    await session.run('BEGIN')
    await session.run('INSERT INTO public.before VALUES (8000, $$prepared$$)')
    await session.run('PREPARE TRANSACTION $$held$$')
    await sleep(50)
    const { now } = await session.one<{ now: Date }>('SELECT clock_timestamp() AS now')
    between = Temporal.Instant.fromEpochMilliseconds(now.getTime())
    await sleep(50)
    await session.run('DROP TABLE public.apart')
    await session.run('DELETE FROM public.before WHERE id >= 1000')
    await session.run('SELECT pg_switch_wal()')

    const folder = join(archived.place, 'one', 'restored')
    // The WAL does not reach as far as this time, which is found when it has been read.
    await sleep(50)
    const tooLate = Temporal.Now.instant().subtract({ milliseconds: 10 })
    expect(await refusal(restore(folder, { at: tooLate }))).toMatchObject({
      code: 'FAILED',
      message: expect.stringMatching(
        /^the WAL that was archived ends before that time: its last transaction is of 2/,
      ),
    })
    expect(postmaster(folder)).toBeUndefined()

    const { plan, compared, uncompared, ...restored } = await restore(folder, { keepRunning: true })
    expect(plan).toMatchObject({ state: 'resumes', backup: { backup: incremental.backup } })
    expect({ compared, uncompared }).toEqual({
      compared: [
        {
          table: 'public.before',
          rows: 5000,
          live_rows: 1000,
          equal_leaves: 1,
          leaves: 2,
          verdict: 'different',
        },
        { table: 'public.after', rows: 0, live_rows: 0, equal_leaves: 1, leaves: 1, verdict: 'equal' },
        { table: 'public.apart', rows: 1, live_rows: null, equal_leaves: 0, leaves: 1, verdict: 'different' },
      ],
      uncompared: null,
    })
    expect(restored).toMatchObject({ running: true, host: folder, role: 'postgres' })
    expect(restored.last_transaction).toEqual(expect.stringMatching(/Z$/))
    {
      const target = { ...archived.server.target, host: restored.host, port: restored.port }
      await using copy = await Session.open(target, 'dwh test', quietWork())
      expect(
        await copy.one(`SELECT (SELECT text FROM public.before WHERE id = 7) AS text, (SELECT count(*) FROM pg_prepared_xacts) AS held,
          pg_is_in_recovery() AS recovering, current_setting('archive_mode') AS archives`),
      ).toEqual({ text: null, held: 1, recovering: false, archives: 'off' })
    }
    // A server runs on it; then it is whole, and is neither overwritten nor restored again.
    expect(await refusal(restore(folder))).toMatchObject({
      code: 'USAGE',
      message: expect.stringMatching(/a server that runs/),
    })
    await stopServer(folder, quietWork())
    expect(await refusal(restore(folder, { at: between.subtract({ milliseconds: 1 }) }))).toMatchObject({
      code: 'USAGE',
    })
    const interrupted = quietWork()
    interrupted.emit = (event) => {
      if (event.type === 'step' && event.step === 'compare') interrupted.interrupt()
    }
    expect(await refusal(restore(folder, { work: interrupted }))).toMatchObject({ code: 'INTERRUPTED' })
    expect(postmaster(folder)).toBeUndefined()
    const words = ['restore', '--at', String(between), '--into', folder, '--yes']
    const told = await dwhDone(words, cli(repository.folder, { before: { target: 'public.before' } }))
    expect(told.stdout).toMatch(
      /^table +rows +live rows +equal leaves +verdict\npublic\.before +5,000 +1,000 +1 of 2 +different\n/,
    )
    expect(told.stderr).toMatch(
      /into {4}\/.*: is restored already, and is started\n[\s\S]*tablespace apart: \/.*, not \/[\s\S]*live {4}is not/,
    )
    expect(told.stderr).toMatch(/the data is in .*; the same command with --keep-running starts it\n$/)
    expect(postmaster(folder)).toBeUndefined()
    expect(await session.one('SELECT count(*) FROM public.before')).toEqual({ count: 1000 })
  })

  test('refuses what it cannot restore, and touches nothing', async () => {
    const plan = (wish: { at?: string; backup?: string; folder?: string }) => {
      const at = wish.at === undefined ? undefined : Temporal.Instant.from(wish.at)
      const folder = wish.folder ?? join(archived.place, 'new')
      return refusal(planPhysical(repository, quietWork(), { at, backup: wish.backup, folder }))
    }
    const taken = join(archived.place, 'taken')
    mkdirSync(taken)
    writeFileSync(join(taken, 'PG_VERSION'), '15\n')
    const refused = await Promise.all([
      plan({ folder: taken }),
      plan({ at: '2001-01-01T00:00:00Z' }),
      plan({ at: full.at, backup: incremental.backup }),
      plan({ at: '2999-01-01T00:00:00Z' }),
      plan({ backup: '20010101-000000F' }),
      plan({ folder: join(archived.place, 'x'.repeat(80)) }),
    ])
    expect(refused.map(({ code, message }) => `${code} ${message}`)).toEqual([
      expect.stringMatching(/^USAGE .*taken is not empty; nothing was changed/),
      expect.stringMatching(/^USAGE 2001-01-01T00:00:00Z is before the oldest backup had ended/),
      expect.stringMatching(/^USAGE .* is before \w{8}-\w{7}_\w{8}-\w{7} had ended/),
      expect.stringMatching(/^USAGE .* lies in the future/),
      expect.stringMatching(/^USAGE there is no backup 20010101-000000F/),
      expect.stringMatching(/^USAGE .* too long a path/),
    ])
    const words = ['restore', full.backup, '--into', join(archived.place, 'new'), '--dry-run']
    const dry = await dwhDone(words, cli())
    expect(dry.stdout).toMatch(
      /^backup {2}\w+-\w+F \(full\)\nuntil {3}as it was when that backup ended, 2[\s\S]*port \d+, for this machine only/,
    )
    expect(existsSync(join(archived.place, 'new'))).toBe(false)
    expect(await dwh(['backup', 'prune', '--yes'], cli())).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(
        /nothing was removed\n.*pgbackrest --config=.* --repo1-retention-full=4 .* expire\n$/,
      ),
    })
  })

  test('reads a configuration of the user and writes none', async () => {
    const config = join(archived.place, 'own.conf')
    const own = { ...repository, config, ours: false }
    const text = `[global]\nrepo1-path=/elsewhere\n[demo]\npg1-path=/var/lib/nowhere\n[global:backup]\nrepo1-path=${repository.folder}\n`
    writeFileSync(config, text)
    expect(await refusal(createPhysical(session, quietWork(), own, { jobs }))).toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(
        /the data of the server lies in \/.*, and it has pg1-path=\/var\/lib\/nowhere; .*repository is \/.*, and it has repo1-path=\/elsewhere$/,
      ),
    })
    expect(
      await refusal(createPhysical(session, quietWork(), { ...own, stanza: 'main' }, { jobs })),
    ).toMatchObject({ message: expect.stringMatching(/it has no section \[main\], only: demo$/) })
    expect(readFileSync(config, 'utf8')).toBe(text)

    const fitting = readFileSync(repository.config, 'utf8').replace(/^#.*\n/gm, '')
    writeFileSync(config, `${fitting}repo1-cipher-pass=secret\n`)
    chmodSync(config, 0o644)
    const work = quietWork()
    expect(await refusal(createPhysical(session, work, own, { jobs }))).toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/archive_command goes by \/.*demo\.conf/),
    })
    expect(work.events).toContainEqual({
      type: 'warning',
      message: expect.stringMatching(/^everybody may read .*own.conf, which holds repo1-cipher-pass/),
    })
    // A file in our place that we did not write.
    writeFileSync(repository.config, fitting)
    expect(await refusal(create())).toMatchObject({
      message: expect.stringMatching(/was not written by dwh/),
    })
    writeFileSync(repository.config, `# Written by dwh backup create\n`)
  })

  test('is handed no password and no option by the environment', () => {
    const noted = readFileSync(notes, 'utf8')
    expect(noted).toMatch(/--stanza=demo .* backup\n/)
    expect(noted).not.toMatch(/the sentinel|PGBACKREST_STANZA|PGPASSWORD/)
  })

  test('is said to be missing where it is', async () => {
    const { PATH } = process.env
    process.env.PATH = ''
    try {
      expect(await refusal(create())).toMatchObject({
        code: 'TOOL_MISSING',
        hint: expect.stringMatching(/install.* pgbackrest/),
      })
    } finally {
      process.env.PATH = PATH
    }
  })
})

test('a full backup a week, a differential one a day, and increments in between', () => {
  const now = new Date('2026-11-22T12:00:00Z')
  const kinds = (...backups: [PhysicalBackup['kind'], string][]) =>
    kindByAge(
      backups.map(([kind, at]) => ({ kind, at }) as PhysicalBackup),
      now,
    )
  expect([
    kinds(),
    kinds(['full', '2026-11-15T12:10:00Z'], ['incr', '2026-11-22T11:00:00Z']),
    kinds(['full', '2026-11-16T12:00:00Z']),
    kinds(['full', '2026-11-16T12:00:00Z'], ['diff', '2026-11-22T01:00:00Z']),
    kinds(['full', '2026-11-22T11:00:00Z']),
  ]).toEqual(['full', 'full', 'diff', 'incr', 'incr'])
})
