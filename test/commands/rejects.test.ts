import { once } from 'node:events'
import { buffer } from 'node:stream/consumers'
import { describe, expect, test } from 'vitest'
import { DwhError } from '../../src/errors.ts'
import { failLoad, finishLoad, openLoad, supersede } from '../../src/ledger/loads.ts'
import { keepRejects, type Reason } from '../../src/ledger/rejects.ts'
import { endRun, startRun } from '../../src/ledger/runs.ts'
import { ensureLedger } from '../../src/migrate/apply.ts'
import type { Session } from '../../src/postgres/session.ts'
import { inTransaction } from '../../src/postgres/transaction.ts'
import { type CliOptions, dwh, dwhDone, startDwh } from '../support/cli.ts'
import { databaseTemplate, freshDatabase } from '../support/database.ts'
import { server, servers } from '../support/servers.ts'
import { testWarehouse } from '../support/warehouse.ts'
import { quietWork } from '../support/work.ts'

const like = (pattern: string | RegExp) => expect.stringMatching(pattern)
const file = { datasets: { sales: { target: 'public.sales', key: ['id'] } } }

const type = (value: string): Reason => ({
  kind: 'type',
  column: 'amount',
  message: `invalid input syntax for type integer: "${value}"`,
  sqlstate: '22P02',
})
const missing: Reason = {
  kind: 'reference',
  column: 'station',
  message: 'no row of stations has station "\u001b[2J"',
  constraint: 'sales_station_fkey',
}

/** Load 1 is done and has three rejects in Latin 1, one replayed by load 3; load 2 failed with 1200; load 3 is done. */
async function twoLoads(session: Session): Promise<void> {
  const run = await startRun(session, 'load', [], 'test', ['sales'])
  const open = (input: string, dataset: string, header?: Buffer) =>
    openLoad(session, {
      run,
      warehouse: 'test',
      dataset,
      table: { schema: 'public', name: dataset },
      input,
      ...(header ? { header } : {}),
      bytes: 100,
      sha256: input,
      mapping: 'm',
      strategy: 'merge',
    })
  const figures = {
    records: 3,
    inserted: 0,
    updated: 0,
    unchanged: 0,
    moved: 0,
    replaced: 0,
    duplicates: 0,
    leaves: [],
  }
  const first = await open('été.csv', 'sales', Buffer.from('id;montant;libellé\r\n', 'latin1'))
  await keepRejects(session, first, [
    {
      record: 1,
      line: 2,
      offset: 20,
      original: Buffer.from('1;x;"a\nb"\r\n'),
      reasons: [type('x'), missing],
    },
    { record: 7, line: 9, offset: 99, original: Buffer.from('7;"y";café', 'latin1'), reasons: [type('"y"')] },
    { record: 8, line: 10, offset: 110, original: Buffer.from('8;z;\n'), reasons: [type('z')] },
  ])
  await finishLoad(session, first, { ...figures, rejected: 3 })
  const second = await open('stations.csv', 'stations')
  const long = Buffer.from(`0,${'é'.repeat(300)}`)
  await keepRejects(
    session,
    second,
    Array.from({ length: 1200 }, (_, index) => ({
      record: index + 1,
      line: index + 1,
      offset: index * 700,
      original: long,
      reasons: [{ kind: 'columns', message: '2 columns, 3 are expected' }],
    })),
  )
  await failLoad(session, second, new DwhError('REJECTS_TOO_MANY', 'too many'))
  const third = await open('mended.csv', 'sales')
  await supersede(session, third)
  await finishLoad(session, third, { ...figures, rejected: 0 })
  await session.run('UPDATE dwh.rejects SET replayed_by = $1 WHERE load = $2 AND record = 8', [third, first])
  await endRun(session, run, undefined)
}

async function bytesOf(words: string[], options: CliOptions): Promise<Buffer> {
  const child = startDwh(words, options)
  child.stdin?.end()
  const [bytes, [code]] = await Promise.all([
    buffer(child.stdout as NodeJS.ReadableStream),
    once(child, 'close'),
  ])
  expect(code).toBe(0)
  return bytes
}

async function filled(session: Session): Promise<void> {
  await ensureLedger(session, quietWork())
  await inTransaction(session, () => twoLoads(session))
}

describe.each(servers)('dwh rejects on $name', (server) => {
  const template = databaseTemplate(server, filled)

  test('tells causes, shows rows with their bytes, and gives the bytes out again', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    using warehouse = testWarehouse(file)
    const at = warehouse.at(database.target)

    const list = await dwhDone(['rejects', 'list'], at)
    expect(list.stdout).toMatch(
      new RegExp(
        [
          'load 2 of stations, from stations.csv: failed \\(REJECTS_TOO_MANY\\) [\\d-]+ [\\d:]+Z, 1,200 rejects',
          ' rows  kind     column  lines        cause',
          '1,200  columns          1 2 3 4 5 …  … columns, … are expected',
          '',
          'load 1 of sales, from été.csv: done [\\d-]+ [\\d:]+Z, 3 rejects, 1 row replayed',
          'rows  kind       column   lines   cause',
          '   3  type       amount   2 9 10  invalid input syntax for type integer: …',
          '   1  reference  station  2       no row of stations has station "\\\\x1b\\[2J"\n$',
        ].join('\n'),
      ),
    )
    const json = await dwhDone(['rejects', 'list', 'sales', '--json'], at)
    expect(JSON.parse(json.stdout)).toEqual([
      {
        ...{
          load: 1,
          run: 1,
          warehouse: 'test',
          dataset: 'sales',
          schema_name: 'public',
          table_name: 'sales',
        },
        ...{
          input: 'été.csv',
          state: 'done',
          started_at: like(/Z$/),
          finished_at: like(/Z$/),
          failed_at: null,
        },
        ...{ error_code: null, kept: 3, replayed: 1 },
        causes: [
          {
            kind: 'type',
            column: 'amount',
            constraint: null,
            message: 'invalid input syntax for type integer: …',
            count: 3,
            replayed: 1,
            example: type('x').message,
            lines: [2, 9, 10],
          },
          expect.objectContaining({
            kind: 'reference',
            constraint: 'sales_station_fkey',
            example: missing.message,
          }),
        ],
      },
    ])
    const shown = await dwhDone(['rejects', 'show', '1'], at)
    expect(shown.stdout.split('\n').slice(1)).toEqual([
      '',
      'été.csv:2  record 1, byte 20',
      '  1;x;"a\\x0ab"',
      '  - type, amount: invalid input syntax for type integer: "x"',
      '  - reference, station: no row of stations has station "\\x1b[2J" (sales_station_fkey)',
      '',
      'été.csv:9  record 7, byte 99',
      '  7;"y";caf\\xe9 (not UTF-8)',
      '  - type, amount: invalid input syntax for type integer: ""y""',
      '',
      'été.csv:10  record 8, byte 110, replayed by load 3',
      '  8;z;',
      '  - type, amount: invalid input syntax for type integer: "z"',
      '',
    ])
    // Byte for byte, with the line ends of the header where a row has none; what was replayed is left out.
    const raw = ['rejects', 'export', '1', '--format', 'raw']
    const rows = Buffer.from('1;x;"a\nb"\r\n7;"y";café\r\n', 'latin1')
    expect(await bytesOf([...raw, '--header'], at)).toEqual(
      Buffer.concat([Buffer.from('id;montant;libellé\r\n', 'latin1'), rows]),
    )
    const lines = (await dwhDone(['rejects', 'export', '2', '--format', 'jsonl'], at)).stdout
      .trimEnd()
      .split('\n')
    expect(lines).toHaveLength(1200)
    expect(JSON.parse(lines[1199] ?? '')).toMatchObject({
      record: 1200,
      original: `0,${'é'.repeat(300)}`,
      original_base64: null,
    })
  })
})

test('without a ledger there is nothing, and a load is none', async () => {
  await using database = await freshDatabase(server)
  await using session = await database.open()
  using warehouse = testWarehouse(file)
  const at = warehouse.at(database.target)
  expect(await dwh(['rejects', 'list'], at)).toMatchObject({ code: 0, stdout: '', stderr: 'no rejects\n' })
  expect(await dwh(['rejects', 'list', 'sales', '--load', '3', '--json'], at)).toMatchObject({
    code: 0,
    stdout: '[]\n',
  })
  expect(await dwh(['rejects', 'export', '1'], at)).toMatchObject({
    code: 2,
    stdout: '',
    stderr: like(/USAGE there is no load 1\nhint +see: dwh rejects list/),
  })
  expect(await session.rows("SELECT to_regnamespace('dwh') AS ledger")).toEqual([{ ledger: null }])
})

describe('dwh rejects', () => {
  const template = databaseTemplate(server, filled)

  test('says what it leaves out, what is not there, and what was typed wrong', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    using warehouse = testWarehouse(file)
    const at = warehouse.at(database.target)

    expect(await dwh(['rejects', 'list', '--load', '3'], at)).toMatchObject({
      code: 0,
      stderr: 'no rejects in load 3\n',
    })
    expect(await dwh(['rejects', 'list', 'sale'], at)).toMatchObject({
      code: 2,
      stderr: like(/no dataset "sale"; did you mean sales/),
    })
    expect((await dwhDone(['rejects', 'list', '--limit', '1'], at)).stdout).not.toContain('load 1')

    const many = await dwhDone(['rejects', 'show', '2', '--limit', '2'], at)
    expect(many.stdout.match(/^stations\.csv:/gm)).toHaveLength(2)
    expect(many.stdout).toContain(`\n  0,${'é'.repeat(199)} … 202 bytes more\n  - columns: 2 columns`)
    expect(many.stderr).toContain('1,198 rejects more: see --limit, or dwh rejects export 2')
    const one = await dwhDone(['rejects', 'show', '1', '7', '--json'], at)
    expect(JSON.parse(one.stdout)).toEqual([
      {
        ...{ record: 7, line: 9, byte_offset: 99, original: null, replayed_by: null },
        original_base64: Buffer.from('7;"y";café', 'latin1').toString('base64'),
        reasons: [type('"y"')],
      },
    ])
    expect(await dwh(['rejects', 'show', '1', '2'], at)).toMatchObject({
      code: 2,
      stderr: like(/USAGE record 2 of load 1 is no reject\nhint +see: dwh rejects show 1\n/),
    })
    expect(await dwh(['rejects', 'show', '3'], at)).toMatchObject({
      code: 0,
      stdout: '',
      stderr: 'load 3 has no rejects\n',
    })

    expect((await dwhDone(['rejects', 'export', '1'], at)).stdout).toBe(
      [
        'record,line,byte_offset,reasons,original,original_base64',
        '1,2,20,"type, amount: invalid input syntax for type integer: ""x""; reference, station: no row of stations has station ""\u001b[2J"" (sales_station_fkey)","1;x;""a\nb""\r\n",',
        `7,9,99,"type, amount: invalid input syntax for type integer: """"y""""",,${Buffer.from('7;"y";café', 'latin1').toString('base64')}`,
        '',
      ].join('\n'),
    )
    const bare = await dwhDone(['rejects', 'export', '2', '--format', 'raw', '--header'], at)
    expect(bare.stdout).toBe(`0,${'é'.repeat(300)}\n`.repeat(1200))
    expect(bare.stderr).toContain('the input of load 2 had no line that names the columns')
    expect(await dwh(['rejects', 'export', '1', '--header'], at)).toMatchObject({
      code: 2,
      stderr: like('--header goes with --format raw'),
    })
  })
})
