import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import { toDwhError } from '../../src/errors.ts'
import { down, ensureLedger, planUp, up } from '../../src/migrate/apply.ts'
import { Session } from '../../src/postgres/session.ts'
import { databaseTemplate, freshDatabase } from '../support/database.ts'
import { server, servers } from '../support/servers.ts'
import { until } from '../support/until.ts'
import { quietWork } from '../support/work.ts'
import { migrations } from './folder.ts'

/** What a test finds of its migrations: relations in public, and what history and ledger say. */
async function found(session: Session) {
  const [row] = await session.rows<{ relations: string[]; history: string[]; hashed: string[] }>(
    `SELECT ARRAY(SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1) AS relations,
            ARRAY(SELECT name FROM dwh.migration_checksums WHERE folder = 'test' ORDER BY 1) AS hashed`,
  )
  const { there } = await session.one<{ there: boolean }>(
    `SELECT to_regclass('dwh.migrations_test') IS NOT NULL AS there`,
  )
  const history = there
    ? await session.rows<{ name: string }>('SELECT name FROM dwh.migrations_test ORDER BY 1')
    : []
  return { ...row, history: history.map(({ name }) => name) }
}

describe.each(servers)('migrations on $name', (server) => {
  const template = databaseTemplate(server, (session) => ensureLedger(session, quietWork()))

  test('a failing one shows file, line and caret, is rolled back whole, and leaves the earlier ones', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    using three = migrations({
      '0001_good.sql': 'CREATE TABLE good (a int);',
      '0002_bad.sql':
        "-- É, 🙂 and more\n\n-- Up Migration\nCREATE TABLE half (a int);\nINSERT INTO good VALUES (1);\nSELECT 'é🙂', nothing\n  FROM good;\n\n-- Down Migration\nDROP TABLE half;\n",
      '0003_never.sql': 'CREATE TABLE never (a int);',
    })
    const { path } = three.folder
    const error = await up(session, quietWork(), three.folders).catch(toDwhError)
    expect(error).toMatchObject({ code: 'MIGRATION_FAILED', exit: 1 })
    expect((error as Error).message).toBe(
      `0002_bad: column "nothing" does not exist\n${path}/0002_bad.sql:6:14\n  SELECT 'é🙂', nothing\n                ^\nit was rolled back`,
    )
    expect(await found(session)).toEqual({
      relations: ['good'],
      history: ['0001_good'],
      hashed: ['0001_good'],
    })
    expect(await session.rows('SELECT FROM public.good')).toEqual([])

    three.write({ '0002_bad.sql': 'CREATE TABLE half (a int);' })
    const applied = await up(session, quietWork(), three.folders)
    expect(applied.map(({ file }) => file.name)).toEqual(['0002_bad', '0003_never'])
  })

  test('what code produced shows its SQL, and what fails without a place its message', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    using one = migrations({
      '0001_code.ts': `export const up = (pgm) => { pgm.createTable('t', { a: 'int' }); pgm.sql('SELECT b' + ' FROM t') }`,
    })
    await expect(up(session, quietWork(), one.folders)).rejects.toMatchObject({
      message: expect.stringMatching(
        /^0001_code: column "b" does not exist\nSQL of .*0001_code\.ts:1:8\n {2}SELECT b FROM t;?\n {9}\^/,
      ),
    })
    one.write({ '0001_code.ts': `export const up = (pgm) => pgm.sql('CREATE TABLE t (); SELECT 1 / 0')` })
    await expect(up(session, quietWork(), one.folders)).rejects.toMatchObject({
      message: '0001_code: division by zero\nit was rolled back',
    })
    expect(await found(session)).toEqual({ relations: [], history: [], hashed: [] })
  })

  test('CREATE INDEX CONCURRENTLY has a way out, whose bookkeeping is whole or not there', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    const index = (table: string) =>
      `export const up = (pgm) => { pgm.noTransaction(); pgm.sql('CREATE INDEX CONCURRENTLY t_a ON ${table} (a)') }
       export const down = (pgm) => { pgm.noTransaction(); pgm.sql('DROP INDEX CONCURRENTLY t_a') }`
    using two = migrations({
      '0001_table.sql': 'CREATE TABLE t (a int);',
      '0002_index.sql': 'CREATE INDEX CONCURRENTLY t_a ON t (a);',
    })
    await expect(up(session, quietWork(), two.folders)).rejects.toMatchObject({
      code: 'MIGRATION_FAILED',
      message: expect.stringContaining('CREATE INDEX CONCURRENTLY cannot run inside a transaction block'),
      hint: expect.stringContaining('pgm.noTransaction()'),
    })
    using other = migrations({
      '0001_table.sql': 'CREATE TABLE t (a int);',
      '0002_index.ts': index('nothing'),
    })
    const work = quietWork()
    await expect(up(session, work, other.folders)).rejects.toMatchObject({
      code: 'MIGRATION_FAILED',
      message: expect.stringContaining('it runs without a transaction: what it had done before stays'),
    })
    expect(await found(session)).toMatchObject({ history: ['0001_table'], hashed: ['0001_table'] })
    other.write({ '0002_index.ts': index('t') })
    await up(session, work, other.folders)
    expect(await found(session)).toEqual({
      relations: ['t', 't_a'],
      history: ['0001_table', '0002_index'],
      hashed: ['0001_table', '0002_index'],
    })
    expect(work.events.filter(({ type }) => type === 'warning')).toEqual([])
    // The ledger fails in the transaction of the bookkeeping: neither row may stay.
    await down(session, work, other.folder, 1)
    expect(await found(session)).toMatchObject({
      relations: ['t'],
      history: ['0001_table'],
      hashed: ['0001_table'],
    })
    await session.run(
      `ALTER TABLE dwh.migration_checksums ADD CONSTRAINT broken CHECK (name <> '0002_index')`,
    )
    await expect(up(session, work, other.folders)).rejects.toMatchObject({ code: 'MIGRATION_FAILED' })
    expect(await found(session)).toMatchObject({ history: ['0001_table'], hashed: ['0001_table'] })
  })

  test('of two at once one works; the other waits, says for whom, and finds nothing to do', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using holder = await database.open()
    await using first = await database.open('the first')
    await using second = await database.open()
    await holder.run('CREATE TABLE public.t (a int)')
    await holder.run('BEGIN; LOCK TABLE public.t IN SHARE MODE')
    using one = migrations({
      '0001_wide.sql': 'INSERT INTO t VALUES (1);',
      '0002_more.sql': 'INSERT INTO t VALUES (2);',
    })
    const working = up(first, quietWork(), one.folders)
    await until(
      holder,
      `SELECT FROM pg_locks WHERE pid = $1 AND relation = 'public.t'::regclass AND NOT granted`,
      [first.pid],
    )
    const work = quietWork()
    const told = new EventTarget()
    const waiting = once(told, 'note')
    const emit = (event: (typeof work.events)[number]) => {
      work.emit(event)
      if (event.type === 'note') told.dispatchEvent(new Event('note'))
    }
    const waiter = up(second, { ...work, emit }, one.folders)
    await waiting
    await holder.run('COMMIT')
    expect((await working).map(({ file }) => file.name)).toEqual(['0001_wide', '0002_more'])
    expect(await waiter).toEqual([])
    expect(work.events).toContainEqual({
      type: 'note',
      message: expect.stringMatching(
        `waiting for the lock on migrations: session ${first.pid} \\(\\S+, the first\\)`,
      ),
    })
    expect(await holder.rows('SELECT a FROM public.t ORDER BY a')).toEqual([{ a: 1 }, { a: 2 }])
  })

  test('Ctrl-C in one rolls it back and is told as an interruption', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using observer = await database.open()
    const work = quietWork()
    await using session = await Session.open(database.target, 'dwh test', work)
    using one = migrations({ '0001_slow.sql': 'CREATE TABLE t (a int); SELECT pg_sleep(600);' })
    const running = up(session, work, one.folders).catch(toDwhError)
    await until(observer, `SELECT FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'PgSleep'`, [
      session.pid,
    ])
    work.interrupt()
    expect(await running).toMatchObject({ code: 'INTERRUPTED', exit: 130 })
    expect(await found(observer)).toEqual({ relations: [], history: [], hashed: [] })
  })

  test('a lock that does not come is climbed for, and the migration is applied once', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    await using holder = await database.open()
    await holder.run('CREATE TABLE public.t (a int)')
    await holder.run('BEGIN; LOCK TABLE public.t IN ACCESS SHARE MODE')
    using one = migrations({ '0001_column.sql': 'CREATE TABLE u (); ALTER TABLE t ADD COLUMN b int;' })
    const work = quietWork()
    const notes = new EventTarget()
    const noted = once(notes, 'note')
    const emit = (event: (typeof work.events)[number]) => {
      if (event.type === 'note') notes.dispatchEvent(new Event('note'))
    }
    const running = up(session, { ...work, emit }, one.folders)
    await noted
    await holder.run('COMMIT')
    expect((await running).length).toBe(1)
    expect(await found(session)).toMatchObject({ relations: ['t', 'u'], history: ['0001_column'] })
  })
})

/** Statements that look dangerous and are not. */
const harmless: [string, string | Buffer][] = [
  ['a byte order mark', '\uFEFFCREATE TABLE t (a int);'],
  [
    'a byte order mark before the parts',
    '\uFEFF-- Up Migration\nCREATE TABLE t (a int);\n-- Down Migration\nDROP TABLE t;',
  ],
  ['CRLF', 'CREATE TABLE t (\r\n  a int -- ; COMMIT;\r\n);\r\n'],
  ['no semicolon at the end', 'CREATE TABLE t (a int)'],
  ['a comment at the end, and no semicolon', 'CREATE TABLE t (a int) -- COMMIT;'],
  [
    'a string with a semicolon',
    `CREATE TABLE t (a text DEFAULT 'x''; COMMIT; --', b text DEFAULT E'\\'; ROLLBACK; ');`,
  ],
  ['quoted names', 'CREATE TABLE t ("; COMMIT" int, "a""; END" int);'],
  ['nested comments', '/* BEGIN; /* COMMIT; */ ROLLBACK; */ CREATE TABLE t (a int);'],
  [
    'dollar quotes in dollar quotes',
    `CREATE TABLE t (a int); DO $a$ BEGIN EXECUTE $b$ SELECT 1; $b$; END $a$; DO $$ BEGIN END; $$`,
  ],
  [
    'plpgsql',
    `CREATE TABLE t (a int); CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 1; END; $$;`,
  ],
  [
    'a body of SQL',
    'CREATE TABLE t (a int); CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT CASE WHEN true THEN 2 END; END; SELECT 3',
  ],
  [
    'a rule of two actions',
    'CREATE TABLE t (a int); CREATE RULE r AS ON UPDATE TO t DO ALSO (NOTIFY x; SELECT 1);',
  ],
  [
    'savepoints',
    'SAVEPOINT s; CREATE TABLE u (); ROLLBACK TO SAVEPOINT s; RELEASE s; CREATE TABLE t (a int);',
  ],
  ['a name with a dollar', 'CREATE TABLE t (a$b$ int);'],
  ['COPY on the server', `CREATE TABLE t (a int); COPY t TO PROGRAM 'cat >/dev/null';`],
]

const refused: [string, string | Buffer, string][] = [
  ['COMMIT', 'CREATE TABLE t (a int);\n  commit;\nSELECT 1/0;', ':2:3\n    commit;\n    ^'],
  ['BEGIN', 'BEGIN;\nCREATE TABLE t (a int);\nCOMMIT;', ':1:1\n  BEGIN;\n  ^'],
  ['START TRANSACTION', 'START TRANSACTION READ WRITE', ':1:1'],
  ['ROLLBACK', 'CREATE TABLE t (a int); /* é */ ROLLBACK AND CHAIN', ':1:33'],
  ['END', `SELECT ';'; END;`, ':1:13'],
  ['ABORT', 'CREATE TABLE t (a int);ABORT', ':1:24'],
  ['PREPARE TRANSACTION', `CREATE TABLE t (a int); PREPARE TRANSACTION 'x'`, ':1:25'],
  ['COMMIT behind a function', 'CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; END; COMMIT', ':1:61'],
  ['COPY from the client', 'CREATE TABLE t (a int);\nCOPY t (a) FROM stdin;\n1\n\\.\n', ':2:1'],
  ['COPY to the client', 'COPY (SELECT 1) TO STDOUT', ':1:1'],
]

describe('an SQL file with', () => {
  const template = databaseTemplate(server, (session) => ensureLedger(session, quietWork()))

  test.each(harmless)('%s is applied whole', async (_what, content) => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    using one = migrations({ '0001_one.sql': content })
    await up(session, quietWork(), one.folders)
    expect(await found(session)).toEqual({ relations: ['t'], history: ['0001_one'], hashed: ['0001_one'] })
  })

  test('statements that would begin or end a transaction, or copy to or from nobody, is refused by line and caret', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    for (const [what, content, place] of refused) {
      using two = migrations({ '0001_good.sql': 'CREATE TABLE good ();', '0002_bad.sql': content })
      const error = await up(session, quietWork(), two.folders).catch(toDwhError)
      expect([what, error]).toMatchObject([
        what,
        {
          code: 'MIGRATION_FAILED',
          message: expect.stringMatching(/^0002_bad: a migration .*; nothing was changed\n/),
          hint: expect.stringMatching(/noTransaction|--inserts/),
        },
      ])
      expect((error as Error).message).toContain(`0002_bad.sql${place}`)
    }
    expect(await found(session)).toEqual({ relations: [], history: [], hashed: [] })
  })

  test('bytes that are not UTF-8, a quote in its name, or a twin is refused', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    const latin1 = Buffer.from(`COMMENT ON TABLE t IS 'été'`, 'latin1')
    for (const [files, message] of [
      [
        { '0001_été.sql': latin1 },
        /0001_été\.sql cannot be loaded: it is not stored in UTF-8; nothing was changed/,
      ],
      [{ "0001_l'été.sql": 'SELECT 1' }, /0001_l'été\.sql has a quote in its name; nothing was changed/],
      [
        { '0001_a.sql': 'SELECT 1', '0001_a.ts': '' },
        /0001_a\.sql and .*0001_a\.ts have one name; nothing was changed/,
      ],
      [{ '0001_a.ts': 'export const up = 1' }, /0001_a\.ts has no up part; nothing was changed/],
      [{ '0001_a.ts': 'export const up = ((' }, /0001_a\.ts cannot be loaded: [\s\S]*; nothing was changed/],
      [
        { '0001_a.ts': `export const up = async (pgm) => { await pgm.db.query('CREATE TABLE t ()') }` },
        /0001_a\.ts cannot be loaded: cannot execute CREATE TABLE in a read-only transaction; nothing was changed/,
      ],
    ] as [Record<string, string | Buffer>, RegExp][]) {
      using bad = migrations(files)
      await session.run('SET default_transaction_read_only = on')
      await expect(planUp(session, bad.folders)).rejects.toMatchObject({
        code: 'MIGRATION_FAILED',
        message: expect.stringMatching(message),
      })
    }
    expect(await found(session)).toEqual({ relations: [], history: [], hashed: [] })
  })

  test('no part for the way back is not taken back, and with one it is, at once with its bookkeeping', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    using two = migrations({
      '0001_one.sql': 'CREATE TABLE t (a int);',
      '0002_both.sql': '-- Up Migration\r\nCREATE TABLE u (a int);\r\n-- Down Migration\r\nDROP TABLE u;\r\n',
    })
    await up(session, quietWork(), two.folders)
    await expect(down(session, quietWork(), two.folder, 2)).rejects.toMatchObject({
      code: 'MIGRATION_FAILED',
      message: expect.stringMatching(/0001_one\.sql has no down part; nothing was changed/),
      hint: expect.stringContaining('write a new migration'),
    })
    expect(await found(session)).toMatchObject({ relations: ['t', 'u'] })
    await down(session, quietWork(), two.folder, 1)
    expect(await found(session)).toEqual({ relations: ['t'], history: ['0001_one'], hashed: ['0001_one'] })
  })
})
