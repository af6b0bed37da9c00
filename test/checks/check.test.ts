import { describe, expect, test } from 'vitest'
import { ensureLedger } from '../../src/migrate/apply.ts'
import type { Session } from '../../src/postgres/session.ts'
import { dwh } from '../support/cli.ts'
import { databaseTemplate, freshDatabase, freshRole } from '../support/database.ts'
import { server as first, servers } from '../support/servers.ts'
import { testWarehouse } from '../support/warehouse.ts'
import { quietWork } from '../support/work.ts'

const like = (pattern: RegExp) => expect.stringMatching(pattern)

const file = {
  datasets: {
    measure: {
      target: 'public.measure',
      partition: { key: 'ts', kind: 'timestamptz', grain: 'month', zone: 'Europe/Paris' },
      checks: {
        negative: { sql: 'checks/negative.sql', threshold: 2, description: 'No value is negative' },
        rare: { sql: 'checks/rare.sql', severity: 'warning' },
        typo: { sql: 'checks/typo.sql' },
        doubled: { sql: 'checks/doubled.sql' },
      },
    },
    station: { target: 'public.station', checks: { unnamed: { sql: 'checks/unnamed.sql' } } },
  },
}
const files = {
  'sql/checks/negative.sql': `-- 'Negative' values; of ":days".
SELECT station, ts, value FROM :target WHERE value < 0 AND ts >= :from AND ts < :to ORDER BY ts; -- the end;
`,
  'sql/checks/rare.sql':
    'SELECT station, count(*) AS n FROM :target GROUP BY 1 HAVING count(*) < 40 ORDER BY 1',
  'sql/checks/typo.sql': 'SELECT station\n  FROM :target\n WHERE ts >= :from AND valeur < 0\n',
  'sql/checks/doubled.sql': 'SELECT station, ts FROM :target GROUP BY 1, 2 HAVING count(*) > 1',
  'sql/checks/unnamed.sql': 'SELECT * FROM :target WHERE name IS NULL',
}

async function build(session: Session): Promise<void> {
  await session.run(`
    CREATE TABLE public.measure (station text, ts timestamptz, value float8);
    INSERT INTO public.measure SELECT 'S' || n % 3, timestamptz '2024-01-31 20:00Z' + n * interval '1 hour', n - 3
      FROM generate_series(0, 99) AS n;
    CREATE TABLE public.station (code text, name text)`)
}

describe.each(servers)('dwh check, $name', (server) => {
  const template = databaseTemplate(server, build)

  test('counts offending rows, shows the first of them, and keeps what it found', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    using warehouse = testWarehouse(file, files)
    const at = warehouse.at(database.target)
    await ensureLedger(session, quietWork())
    expect(await dwh(['check', '--list'], at)).toMatchObject({
      code: 0,
      stdout: like(
        /^measure +negative +error +2 +never run .*No value is negative\n(.*\n){3}station +unnamed +error +0 +never run/m,
      ),
    })

    const told = await dwh(['check', '--limit', '2'], at)
    expect(told).toMatchObject({
      code: 4,
      stdout: like(
        /✗ measure\.negative {2}3 rows of 2 accepted in \d+ ms {2}No value is negative\n {4}station +ts +value\n {4}S0 +2024-01-31T20:00:00\+00:00 +-3\n {4}S1 .*-2\n {4}… and 1 more\n/,
      ),
      stderr: like(
        /5 checks: 2 passed, 1 warned, 1 failed, 1 broken\nerror CHECK_FAILED 1 check failed: measure\.negative; 1 check cannot be run: measure\.typo\n/,
      ),
    })
    expect(told.stdout).toMatch(/! measure\.rare {2}3 rows in/)
    expect(told.stdout).toContain(
      '    SQL_FAILED column "valeur" does not exist\n    sql/checks/typo.sql:3:24\n       WHERE ts >= :from AND valeur < 0\n                             ^\n',
    )
    expect(told.stdout).toMatch(/✓ station\.unnamed {2}0 rows in \d+ ms\n$/)
    expect(
      await session.rows(
        'SELECT check_name, state, row_count, sample, error_code, days_from FROM dwh.check_results ORDER BY result',
      ),
    ).toEqual([
      {
        check_name: 'negative',
        state: 'failed',
        row_count: 3,
        sample: [
          { station: 'S0', ts: '2024-01-31T20:00:00+00:00', value: -3 },
          { station: 'S1', ts: '2024-01-31T21:00:00+00:00', value: -2 },
        ],
        error_code: null,
        days_from: null,
      },
      expect.objectContaining({ check_name: 'rare', state: 'warned', row_count: 3 }),
      {
        check_name: 'typo',
        state: 'broken',
        row_count: null,
        sample: [],
        error_code: 'SQL_FAILED',
        days_from: null,
      },
      expect.objectContaining({ check_name: 'doubled', state: 'passed', row_count: 0 }),
      expect.objectContaining({ check_name: 'unnamed', state: 'passed', row_count: 0 }),
    ])
    expect(await session.rows('SELECT exit_code, error_code FROM dwh.runs')).toEqual([
      { exit_code: 4, error_code: 'CHECK_FAILED' },
    ])

    // Midnight in Paris is 23:00 UTC, and three hours of January had a negative value.
    const days = await dwh(
      ['check', 'measure', '--check', 'negative', '--from', '2024-02', '--to', '2024-03', '--json'],
      at,
    )
    expect(days.code).toBe(0)
    expect(JSON.parse(days.stdout)).toMatchObject({
      warehouse: 'test',
      run: 2,
      from: '2024-02-01',
      to: '2024-03-01',
      passed: 1,
      failed: 0,
      checks: [{ dataset: 'measure', check: 'negative', state: 'passed', rows: 0, sample: [], error: null }],
    })
    const listed = await dwh(['check', '--list', '--json'], at)
    expect(JSON.parse(listed.stdout)).toMatchObject([
      { check: 'negative', threshold: 2, last: { state: 'passed', rows: 0, run: 2 } },
      { check: 'rare', severity: 'warning', last: { state: 'warned', rows: 3, run: 1 } },
      { check: 'typo', last: { state: 'broken', rows: null } },
      { check: 'doubled', last: { state: 'passed' } },
      { dataset: 'station', check: 'unnamed', last: { state: 'passed' } },
    ])
    // What a run has found is forgotten with it.
    await session.run(`UPDATE dwh.runs SET started_at = started_at - interval '200 days' WHERE run = 1`)
    expect(await dwh(['check', '--check', 'doubled'], at)).toMatchObject({ code: 0 })
    expect(await session.rows('SELECT DISTINCT run FROM dwh.check_results ORDER BY 1')).toEqual([
      { run: 2 },
      { run: 3 },
    ])
  })
})

describe('what a check is refused', () => {
  const template = databaseTemplate(first, build)

  test('by what stands in its file: nothing runs outside of its transaction, and the others go on', async () => {
    await using database = await freshDatabase(first, { template: template.name })
    await using session = await database.open()
    const sql = {
      two: 'SELECT 1 WHERE false; COMMIT; DROP TABLE public.measure',
      writes: 'WITH gone AS (DELETE FROM :target RETURNING 1) SELECT * FROM gone',
      calls: "SELECT nextval('public.numbers')",
      nothing: '-- to be written',
      unknown: 'SELECT 1\n WHERE :form < now()',
      slow: 'SELECT pg_sleep(60)',
      closes: 'SELECT 1) AS a; SELECT 2 FROM (SELECT 1',
      fine: 'SELECT 1 AS a, 2 AS a WHERE false',
    }
    const checks = Object.fromEntries(Object.keys(sql).map((name) => [name, { sql: `${name}.sql` }]))
    using warehouse = testWarehouse(
      { datasets: { measure: { target: 'public.measure', checks } } },
      Object.fromEntries(Object.entries(sql).map(([name, text]) => [`sql/${name}.sql`, text])),
    )
    await session.run('CREATE SEQUENCE public.numbers')
    const ran = await dwh(['check', '--timeout', '1s', '--json'], warehouse.at(database.target))
    expect(ran).toMatchObject({
      code: 1,
      stderr: like(
        /error SQL_FAILED 7 checks cannot be run: measure\.two, .*measure\.closes; nothing was changed\nhint {2}why stands above/,
      ),
    })
    const { checks: results } = JSON.parse(ran.stdout) as {
      checks: { check: string; error: { message: string } | null }[]
    }
    expect(
      results.map(({ check, error }) => [check, error?.message.split('\n', 2).join('|') ?? null]),
    ).toEqual([
      ['two', 'a second statement begins here|sql/two.sql:1:23'],
      [
        'writes',
        like(
          /^WITH clause containing a data-modifying statement must be at the top level\|sql\/writes\.sql:1:6$/,
        ),
      ],
      ['calls', 'cannot execute nextval() in a read-only transaction'],
      ['nothing', 'there is no query in it|sql/nothing.sql:1:1'],
      ['unknown', ':form stands for nothing; did you mean from?|sql/unknown.sql:2:8'],
      ['slow', 'not answered within 1 s'],
      ['closes', like(/^a second statement begins here/)],
      ['fine', null],
    ])
    expect(await session.rows('SELECT count(*) AS n FROM public.measure')).toEqual([{ n: 100 }])
  })

  test('by the words of the command line', async () => {
    using warehouse = testWarehouse(file, files)
    const at = warehouse.at({ ...(await first.target()), database: 'nowhere' })
    const refusals: [string[], RegExp][] = [
      [['measur'], /there is no dataset "measur"; did you mean measure\?/],
      [['station', '--check', 'negative'], /no check of station is called "negative"/],
      [['--check', 'negativ'], /no check of this warehouse is called "negativ"; did you mean negative\?/],
      [['--from', '2024-02', '--to', '2024-02'], /--from 2024-02-01 does not lie before --to 2024-02-01/],
    ]
    for (const [words, message] of refusals)
      expect(await dwh(['check', ...words], at)).toMatchObject({ code: 2, stdout: '', stderr: like(message) })
  })

  test('nothing where there is no ledger, or where the role only reads', async () => {
    await using role = await freshRole(first, 'reader')
    await using database = await freshDatabase(first, { template: template.name })
    await using session = await database.open()
    await session.run(`GRANT SELECT ON public.measure TO "${role.name}"`)
    using warehouse = testWarehouse(file, files)
    const reader = warehouse.at({ ...database.target, user: role.name })
    const told = await dwh(['check', '--check', 'doubled', 'unnamed'], reader)
    expect(told).toMatchObject({
      code: 1,
      stdout: like(
        /✓ measure\.doubled {2}0 rows(.|\n)*\? station\.unnamed {2}cannot be run .*\n {4}PRIVILEGE_MISSING permission denied for table station/,
      ),
      stderr: like(/^not recorded: there is no ledger that this role may write$/m),
    })
    expect(await dwh(['check', '--list'], reader)).toMatchObject({ code: 0, stdout: like(/never run/) })
    expect(await session.rows("SELECT to_regnamespace('dwh') AS ledger")).toEqual([{ ledger: null }])
  })
})
