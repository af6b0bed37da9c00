import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { DwhError } from '../../src/errors.ts'
import { packageRoot } from '../../src/package.ts'
import { loadWarehouse, readWarehouse } from '../../src/warehouse/load.ts'
import { Folder } from './folder.ts'

/** The mistakes of a file, each as `line:column path: message`. */
function mistakesIn(text: string | Uint8Array, files: Record<string, string> = {}): string[] {
  using folder = new Folder({ 'dwh.yaml': text, ...files })
  const read = readWarehouse(join(folder.path, 'dwh.yaml'))
  return 'mistakes' in read
    ? read.mistakes.map(({ line, column, path, message }) =>
        `${line}:${column} ${path}${path && ': '}${message}`.replaceAll(folder.path, '…'),
      )
    : []
}

function errorOf(work: () => unknown): DwhError {
  try {
    work()
  } catch (error) {
    if (error instanceof DwhError) return error
    throw error
  }
  throw new Error('it went well')
}

describe('a file that is right', () => {
  it.each(['sigeti', 'flights', 'hubeau', 'timeline', 'weatherinsight'])('%s ships', (name) => {
    expect(loadWarehouse(join(packageRoot, 'warehouses', `${name}.yaml`)).name).toBe(name)
  })

  it('has its folders beside it, its datasets in order with their names, and defaults for the rest', () => {
    using folder = new Folder({
      'dwh.yaml':
        'name: mine\nsql: ./queries\ndatasets:\n  second: { target: b.two }\n  first: { target: a.one, key: id }\n',
    })
    const warehouse = loadWarehouse(join(folder.path, 'dwh.yaml'))
    expect(warehouse.path).toBe(join(folder.path, 'dwh.yaml'))
    expect(warehouse.sqlFolder).toBe(join(folder.path, 'queries'))
    expect(warehouse.migrationsFolder).toBe(join(folder.path, 'migrations'))
    expect(warehouse.datasets.map(({ name }) => name)).toEqual(['second', 'first'])
    expect(warehouse.datasets[1]).toMatchObject({
      target: { schema: 'a', name: 'one' },
      key: ['id'],
      compression: { method: 'lz4' },
      thresholds: { coverage: 0.95 },
    })
    expect(warehouse.retention.runs).toEqual({ amount: 90, unit: 'day' })
    expect(warehouse.lines.get('sql')).toBe(2)
    expect(warehouse.lines.has('migrations')).toBe(false)
  })

  it('may be empty but for its name', () => {
    expect(mistakesIn('name: mine\n')).toEqual([])
  })

  it('may begin with a byte order mark and end its lines as Windows does', () => {
    expect(mistakesIn('\uFEFFname: mine\r\ndescription: é\r\n')).toEqual([])
  })

  it('may hold any name that PostgreSQL can hold', () => {
    const hostile = [
      'Robert"); DROP TABLE x;--',
      "it's",
      '$$',
      'a\nb',
      'ÄÖÜ',
      'constructor',
      'x'.repeat(63),
      'é'.repeat(31),
    ]
    const columns = hostile.map((name) => `      ${JSON.stringify(name)}: text`).join('\n')
    const text = `name: mine\ndatasets:\n  odd:\n    target: '"Odd ""schema"""."ta.ble"'\n    key: ${JSON.stringify(hostile)}\n    columns:\n${columns}\n`
    expect(mistakesIn(text)).toEqual([])
  })
})

describe('YAML that is none', () => {
  it.each([
    ['a tab', 'name: mine\nconnection:\n\thost: x\n', '3:1 a tab indents this line; YAML takes spaces only'],
    [
      'a tab behind spaces',
      'name: mine\n  \thost: x\n',
      '2:3 a tab indents this line; YAML takes spaces only',
    ],
    ['a doubled key', 'name: mine\nsql: a\nsql: b\n', '3:1 this key stands here twice'],
    [
      'indentation that goes astray',
      'name: mine\nbackup:\n    jobs: 1\n  engine: pg_dump\n',
      '4:1 all mapping items must start at the same column',
    ],
    [
      'a line indented too far',
      'name: mine\n  sql: x\n',
      '1:7 two `name: value` on one line, or a line below that is indented too far',
    ],
    [
      'an alias of nothing',
      'name: *mine\n',
      '1:7 *mine names no anchor above; a text that begins with * needs quotes',
    ],
    ['an unquoted cron', 'name: mine\nx: * * * * *\n', '2:4 a text that begins with * needs quotes'],
    ['an anchor within itself', 'name: &x { a: *x }\n', '1:15 *x stands within what it names'],
    ['two documents', 'name: a\n---\nname: b\n', '2:1 a second document begins here; a warehouse is one'],
    ['an open quote', 'name: "mine\n', '2:1 missing closing "quote'],
    ['a name that JavaScript keeps', 'name: mine\n__proto__: 1\n', '2:1 __proto__ cannot be a name here'],
    ['no mapping', '- name\n', '1:1 found a list, expected a mapping'],
    ['nothing at all', '', '1:1 found nothing, expected a mapping'],
  ])('%s', (_what, text, mistake) => {
    expect(mistakesIn(text)).toEqual([mistake])
  })

  it('a doubled key does not hide the other mistakes', () => {
    expect(mistakesIn('name: mine\nname: Mine\nbackups: {}\n')).toEqual([
      '2:1 this key stands here twice',
      '2:7 name: found "Mine", expected a name in lower case: letters, digits and _, at most 40, a letter first',
      '3:1 backups: unknown key; did you mean backup?',
    ])
  })

  it('aliases that grow without end are stopped', () => {
    const levels = [...'bcdefgh'].map((name, level) => {
      const above = 'abcdefg'[level]
      return `${name}: &${name} [${Array(9).fill(`*${above}`).join(', ')}]`
    })
    expect(mistakesIn(`a: &a [x, x, x, x]\n${levels.join('\n')}\n`)).toEqual([
      expect.stringMatching(/^1:1 excessive alias count/),
    ])
  })

  it('a file that is not UTF-8 is named as such', () => {
    const latin1 = Buffer.from('name: mine\ndescription: données\n', 'latin1')
    expect(errorOf(() => mistakesIn(latin1))).toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('is not stored in UTF-8'),
    })
  })

  it('a file that is not there, and a folder in its place', () => {
    using folder = new Folder()
    expect(errorOf(() => loadWarehouse(join(folder.path, 'none.yaml'))).code).toBe('CONFIG_MISSING')
    expect(errorOf(() => loadWarehouse(folder.path)).code).toBe('CONFIG_INVALID')
  })
})

describe('mistakes in what the file says', () => {
  it('are told all at once, each where it stands, with what was found, expected and meant', () => {
    const text = `name: mine
connection:
  hots: db.example.org
  port: 99999
  sslmode: verify_full
datasets:
  measure:
    target: public.measure
    key: [station, taken_at]
    columns: { station: text, taken_at: timestamptz, valeu: 5 }
    partition:
      key: taken_at
      kind: timestampz
      grain: years
      retention: 5
    thresholds: { coverage: 105% }
schedule:
  jobs:
    nightly: { cron: '0 2 31 2 *', run: [] }
`
    expect(mistakesIn(text)).toEqual([
      '3:3 connection.hots: unknown key; did you mean host?',
      '4:9 connection.port: found 99999, expected a number up to 65535',
      '5:12 connection.sslmode: found "verify_full", expected disable, allow, prefer, require, verify-ca or verify-full; did you mean verify-full?',
      '10:61 datasets.measure.columns.valeu: found 5, expected text or a mapping',
      '13:13 datasets.measure.partition.kind: found "timestampz", expected date_key, date, timestamp, timestamptz or year_quarter; did you mean timestamp?',
      '14:14 datasets.measure.partition.grain: found "years", expected day, week, month, quarter or year; did you mean year?',
      '15:18 datasets.measure.partition.retention: found 5, expected a mapping',
      '16:29 datasets.measure.thresholds.coverage: found "105%", expected a share like 95% or 0.95',
      '19:22 schedule.jobs.nightly.cron: found "0 2 31 2 *", expected five cron fields that name a day that exists, like 0 2 * * 1',
      '19:41 schedule.jobs.nightly.run: found a list, expected at least one',
    ])
  })

  it('are told of jobs that run what there is not, does not end, or wait for each other', () => {
    const text = `name: mine
schedule:
  jobs:
    a: { cron: 0 2 * * *, run: [maintain weekly, refresh, dwh status], after: [b, d] }
    b: { cron: 0 2 * * *, run: ['-w other.yaml backfil run', migrate sideways, -v schedule run], after: [a] }
    c: { cron: 0 2 * * *, run: ['load "x', '', watch, backup], after: [c] }
`
    expect(mistakesIn(text)).toEqual([
      '4:50 schedule.jobs.a.run[1]: "refresh" is no command of dwh',
      '4:59 schedule.jobs.a.run[2]: "dwh" is no command of dwh: leave the word dwh out',
      '4:80 schedule.jobs.a.after[0]: "b" comes after a itself',
      '4:83 schedule.jobs.a.after[1]: "d" is no other job of this file',
      '5:33 schedule.jobs.b.run[0]: "backfil" is no command of dwh; did you mean backfill?',
      '5:62 schedule.jobs.b.run[1]: "migrate sideways" is no command of dwh; there are up, down, status, create, verify',
      '5:80 schedule.jobs.b.run[2]: "schedule run" goes on until it is stopped: no job for a schedule',
      '5:106 schedule.jobs.b.after[0]: "a" comes after b itself',
      '6:33 schedule.jobs.c.run[0]: found "load \\"x", expected a command as it is typed behind dwh, with every quote closed',
      '6:44 schedule.jobs.c.run[1]: found "", expected a command as it is typed behind dwh, with every quote closed',
      '6:48 schedule.jobs.c.run[2]: "watch" goes on until it is stopped: no job for a schedule',
      '6:55 schedule.jobs.c.run[3]: "backup" is no command of dwh; there are create, list, verify, drill, prune',
      '6:72 schedule.jobs.c.after[0]: "c" is no other job of this file',
    ])
  })

  it('name the setting that is missing where it should stand', () => {
    expect(mistakesIn('datasets:\n  measure:\n    key: id\n')).toEqual([
      '1:1 name: missing: expected a name in lower case: letters, digits and _, at most 40, a letter first',
      '2:3 datasets.measure.target: missing: expected a table name like schema.table',
    ])
  })

  it('list the keys that there are when none is near', () => {
    expect(mistakesIn('name: mine\nretention: { everything: 1 }\n')).toEqual([
      '2:14 retention.everything: unknown key; there are runs, logs',
    ])
  })

  it('tell what a key without a value lacks', () => {
    expect(mistakesIn('name: mine\nsql:\n')).toEqual(['2:1 sql: found nothing, expected text'])
  })

  it('say where a password goes, and never what it is', () => {
    const mistakes = mistakesIn(
      'name: mine\nconnection:\n  password: s3cret\nconnections:\n  source: { pasword: s3cret, host: "postgres://a:s3cret@b/c" }\n',
    )
    const where =
      'a password never stands in this file: put it into an environment variable, .env, .pgpass or a service file'
    expect(mistakes).toEqual([
      `3:3 connection.password: ${where}`,
      `5:13 connections.source.pasword: ${where}`,
      '5:36 connections.source.host: found "postgres://…@b/c", expected one host name, address or socket folder',
    ])
  })

  it('unfold a union to the branch that was meant', () => {
    const text = `name: mine
datasets:
  a:
    target: x.a
    compression: { method: lz5 }
    key: [id, id]
    columns: { id: { typ: text } }
    sources:
      one: { kind: http, url: 'https://x', pages: { by: pag } }
      two: { path: x.csv }
`
    expect(mistakesIn(text)).toEqual([
      '5:28 datasets.a.compression.method: found "lz5", expected lz4, pglz or default; did you mean lz4?',
      '6:10 datasets.a.key: found a list, expected each column once',
      '7:16 datasets.a.columns.id.type: missing: expected text',
      '7:22 datasets.a.columns.id.typ: unknown key; did you mean type?',
      '9:57 datasets.a.sources.one.pages.by: found "pag", expected next_link, page, offset or cursor; did you mean page?',
      '10:7 datasets.a.sources.two.kind: missing: expected file, postgres, http, graphql or dwd',
    ])
  })

  it('stand at the line that must be edited, behind aliases and merges too', () => {
    const text = `name: mine
datasets:
  a:
    target: x.a
    partition: &yearly { key: d, kind: date, grain: decade }
  b:
    target: x.b
    partition: *yearly
  c:
    target: x.c
    partition: { <<: *yearly, grain: year, premake: -1 }
`
    expect(mistakesIn(text)).toEqual([
      '5:53 datasets.a.partition.grain: found "decade", expected day, week, month, quarter or year',
      '5:53 datasets.b.partition.grain: found "decade", expected day, week, month, quarter or year',
      '11:53 datasets.c.partition.premake: found -1, expected a number from 0 on',
    ])
  })

  it('in one place do not hide the rules that join others', () => {
    const text = `name: mine
datasets:
  Odd:
    target: x.odd
    recency: seen
    partition: { key: y, kind: year_quarter, grain: month, zone: +02:00, from: 2021, until: 2020 }
backup: { engine: pgbackrest, jobs: 0 }
`
    expect(mistakesIn(text)).toEqual([
      '3:3 datasets.Odd: found "Odd", expected a name in lower case: letters, digits and _, at most 40, a letter first',
      '5:14 datasets.Odd.recency: recency chooses between rows of one `key`, and there is none',
      '6:23 datasets.Odd.partition.key: found "y", expected one column, or for year_quarter two: [year, quarter]',
      '6:53 datasets.Odd.partition.grain: found "month", expected quarter or year, the grains of year_quarter',
      '6:66 datasets.Odd.partition.zone: found "+02:00", expected an IANA time zone like Europe/Paris',
      '6:93 datasets.Odd.partition.until: found 2020, expected a date after `from`',
      '7:19 backup.engine: the engine pgbackrest needs a `pgbackrest` section beside it',
      '7:37 backup.jobs: found 0, expected a number from 1 on',
    ])
  })
})

describe('mistakes across the file', () => {
  it('columns that are not declared, where any are', () => {
    const text = `name: mine
datasets:
  measure:
    target: public.measure
    key: [station, takn_at]
    recency: updated_at
    freshness: loaded
    columns: { station: text, taken_at: timestamptz }
    map: { stration: code }
    partition: { key: [day], kind: date, grain: month }
    references: { sensor: { table: x.sensor, column: id } }
    compression: { method: lz4, columns: [notes] }
`
    expect(mistakesIn(text)).toEqual([
      '5:20 datasets.measure.key[1]: "takn_at" is none of the columns of measure; did you mean taken_at?',
      '6:14 datasets.measure.recency: "updated_at" is none of the columns of measure',
      '7:16 datasets.measure.freshness: "loaded" is none of the columns of measure',
      '9:12 datasets.measure.map.stration: "stration" is none of the columns of measure; did you mean station?',
      '10:24 datasets.measure.partition.key[0]: "day" is none of the columns of measure',
      '11:19 datasets.measure.references.sensor: "sensor" is none of the columns of measure',
      '12:43 datasets.measure.compression.columns[0]: "notes" is none of the columns of measure',
    ])
    expect(mistakesIn('name: mine\ndatasets:\n  a: { target: x.a, key: anything }\n')).toEqual([])
  })

  it('values that are asked for one after the other', () => {
    const text = `name: mine
datasets:
  a:
    target: facts
    sources:
      all: { kind: http, url: "http://h/{code}", for_each: { parameter: code, list: ["01"], batch: 50 } }
      same: { kind: http, url: "http://h", for_each: { parameter: code, sql: "SELECT code FROM stations" } }
      file: { kind: http, url: "http://h/{code}", for_each: { parameter: code, sql: stations.sql } }
      both: { kind: http, url: "http://h/{code}", for_each: { parameter: code, list: ["a"], file: codes.txt } }
      numbers: { kind: http, url: "http://h/{code}", for_each: { parameter: code, list: [01] } }
      none: { kind: http, url: "http://h/{code}", for_each: { parameter: code, list: [], batch: 0 } }
`
    expect(mistakesIn(text)).toEqual([
      '7:67 datasets.a.sources.same.for_each.parameter: nothing is filled in with {code}: put it into the url, the query, the body or the headers',
      '8:85 datasets.a.sources.file.for_each.sql: there is no file "stations.sql" in the sql folder …/sql',
      '9:86 datasets.a.sources.both.for_each.list: found a list, expected just one of `list`, `file` and `sql`',
      '10:90 datasets.a.sources.numbers.for_each.list[0]: found 1, expected text',
      '11:86 datasets.a.sources.none.for_each.list: found a list, expected at least one',
      '11:97 datasets.a.sources.none.for_each.batch: found 0, expected a number from 1 on',
    ])
  })

  it('names that name nothing, files that are not there, one target twice', () => {
    const text = `name: mine
connections:
  source: { host: db.example.org }
datasets:
  a:
    target: public.Facts
    thresholds: { align_with: c }
    sources:
      live: { kind: postgres, connection: sorce, query: read/live.sql }
    checks:
      orphans: { sql: checks/orphans.sql }
      doubles: { sql: checks/doubles.sql }
      outside: { sql: ../../etc/passwd }
  b:
    target: facts
    thresholds: { align_with: b }
`
    expect(mistakesIn(text, { 'sql/checks/doubles.sql': 'SELECT 1' })).toEqual([
      '7:31 datasets.a.thresholds.align_with: "c" is no other dataset of this file',
      '9:43 datasets.a.sources.live.connection: "sorce" is none of `connections`; did you mean source?',
      '9:57 datasets.a.sources.live.query: there is no file "read/live.sql" in the sql folder …/sql',
      '11:23 datasets.a.checks.orphans.sql: there is no file "checks/orphans.sql" in the sql folder …/sql',
      '13:23 datasets.a.checks.outside.sql: there is no file "../../etc/passwd" in the sql folder …/sql',
      '15:13 datasets.b.target: public.facts is the target of a already',
      '16:31 datasets.b.thresholds.align_with: "b" is no other dataset of this file',
    ])
  })

  it('datasets that come after what is none, or after each other', () => {
    const text = `name: mine
datasets:
  hours: { target: x.hours, after: [quarters] }
  days: { target: x.days, after: [hours, days, hour] }
  quarters: { target: x.quarters, after: [days] }
  years: { target: x.years, after: [quarters] }
`
    expect(mistakesIn(text)).toEqual([
      '3:37 datasets.hours.after[0]: "quarters" comes after hours itself',
      '4:35 datasets.days.after[0]: "hours" comes after days itself',
      '4:42 datasets.days.after[1]: "days" is no other dataset of this file',
      '4:48 datasets.days.after[2]: "hour" is no other dataset of this file; did you mean hours?',
      '5:43 datasets.quarters.after[0]: "days" comes after quarters itself',
    ])
  })

  it('are told beside mistakes of the schema, not after them', () => {
    expect(mistakesIn('name: mine\ndatasets:\n  a: { target: x.a, key: idd, columns: { id: 1 } }\n')).toEqual(
      [
        '3:26 datasets.a.key: "idd" is none of the columns of a; did you mean id?',
        '3:46 datasets.a.columns.id: found 1, expected text or a mapping',
      ],
    )
  })
})

it('the error of a wrong file holds every mistake and says what to type', () => {
  using folder = new Folder({ 'dwh.yaml': 'nam: mine\nsqll: x\n' })
  const path = join(folder.path, 'dwh.yaml')
  expect(errorOf(() => loadWarehouse(path))).toMatchObject({
    code: 'CONFIG_INVALID',
    exit: 3,
    hint: expect.stringContaining('dwh config validate'),
    message: [
      `3 mistakes in ${path}`,
      `  ${path}:1:1  name: missing: expected a name in lower case: letters, digits and _, at most 40, a letter first`,
      `  ${path}:1:1  nam: unknown key; did you mean name?`,
      `  ${path}:2:1  sqll: unknown key; did you mean sql?`,
    ].join('\n'),
  })
})
