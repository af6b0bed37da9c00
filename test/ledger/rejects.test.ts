import { describe, expect, test } from 'vitest'
import { openLoad } from '../../src/ledger/loads.ts'
import {
  eachReject,
  type KeptReject,
  keepRejects,
  listCauses,
  listRejectLoads,
  type Reason,
  type Reject,
} from '../../src/ledger/rejects.ts'
import { startRun } from '../../src/ledger/runs.ts'
import { ensureLedger } from '../../src/migrate/apply.ts'
import { Session } from '../../src/postgres/session.ts'
import { databaseTemplate, freshDatabase } from '../support/database.ts'
import { servers } from '../support/servers.ts'
import { type QuietWork, quietWork } from '../support/work.ts'

async function newLoad(session: Session, dataset = 'sales'): Promise<number> {
  const run = await startRun(session, 'load', [], 'shop', [dataset])
  const table = { schema: 'public', name: dataset }
  return openLoad(session, {
    run,
    warehouse: 'shop',
    dataset,
    table,
    input: 'a.csv',
    mapping: 'm',
    strategy: 'merge',
  })
}

const other: Reason = { kind: 'other', message: 'no' }

function reject(record: number, original: Buffer | string, ...reasons: Reason[]): Reject {
  return {
    record,
    line: record + 1,
    offset: record * 10,
    original: Buffer.from(original),
    reasons: reasons.length > 0 ? reasons : [other],
  }
}

async function all(rejects: AsyncIterable<KeptReject>): Promise<KeptReject[]> {
  const found = []
  for await (const one of rejects) found.push(one)
  return found
}

const statements = ({ events }: QuietWork, pattern: RegExp) =>
  events.filter((event) => event.type === 'statement' && pattern.test(event.sql)).length

describe.each(servers)('the rejects of a ledger on $name', (server) => {
  const template = databaseTemplate(server, (session) => ensureLedger(session, quietWork()))
  const fresh = () => freshDatabase(server, { template: template.name })

  test('are given back byte for byte and in order, whatever is in them', async () => {
    await using database = await fresh()
    await using session = await database.open()
    const load = await newLoad(session)
    const everyByte = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
    const hostile: Reason = {
      kind: 'nul',
      column: 'a"b',
      message: 'found "\0" and "\ud83d" and "\\u0000" {\'$1\'}',
      sqlstate: '22021',
      constraint: 'c',
    }
    const rejects = [
      reject(1, ''),
      reject(2, everyByte, hostile, other),
      // Each is longer than what goes into one statement and into memory at once.
      reject(3, Buffer.alloc(9 * 1024 * 1024, 'é')),
      reject(4, Buffer.alloc(9 * 1024 * 1024, 0xff)),
      reject(2 ** 40, '\\x41,{NULL}"'),
    ]
    await keepRejects(session, load, rejects.toReversed())
    const kept = await all(eachReject(session, load))
    expect(kept.map(({ original }, index) => original.equals(rejects[index]?.original as Buffer))).toEqual(
      rejects.map(() => true),
    )
    const told = { ...hostile, message: 'found "\\x00" and "\ufffd" and "\\u0000" {\'$1\'}' }
    expect(kept.map(({ original: _, ...rest }) => rest)).toEqual(
      rejects.map(({ original: _, ...rest }) => ({
        ...rest,
        reasons: rest.record === 2 ? [told, other] : rest.reasons,
        replayed_by: null,
      })),
    )
    expect(await all(eachReject(session, load, { from: 3, limit: 2 }))).toMatchObject([
      { record: 3 },
      { record: 4 },
    ])

    await keepRejects(session, load, [])
    await expect(keepRejects(session, load, [reject(1, 'again')])).rejects.toMatchObject({
      cause: { constraint: 'rejects_pkey' },
    })
    const later = await newLoad(session)
    await expect(keepRejects(session, later, [{ ...reject(1, ''), reasons: [] }])).rejects.toMatchObject({
      cause: { constraint: 'rejects_have_reasons' },
    })
    await session.run('UPDATE dwh.rejects SET replayed_by = $1 WHERE load = $2 AND record < 3', [later, load])
    expect((await all(eachReject(session, load, { open: true }))).map(({ record }) => record)).toEqual([
      3,
      4,
      2 ** 40,
    ])
    expect(await listRejectLoads(session, {})).toMatchObject([
      { load, kept: 5, replayed: 2, state: 'running' },
    ])
    await session.run('DELETE FROM dwh.loads WHERE load = $1', [load])
    expect(await session.rows('SELECT FROM dwh.rejects')).toEqual([])
  })

  test('many go in few statements, and come out in pages', async () => {
    await using database = await fresh()
    const work = quietWork()
    await using session = await Session.open(database.target, 'dwh test', work)
    const load = await newLoad(session)
    await keepRejects(
      session,
      load,
      Array.from({ length: 10_500 }, (_, index) => reject(index + 1, `row ${index + 1}`)),
    )
    expect(statements(work, /INSERT INTO dwh.rejects/)).toBe(2)
    let expected = 1
    for await (const { record, original } of eachReject(session, load)) {
      if (record !== expected || String(original) !== `row ${record}`)
        expect.fail(`${record} is not ${expected}`)
      expected++
    }
    expect(expected).toBe(10_501)
    expect(statements(work, /FROM dwh.rejects/)).toBe(12)
  })

  test('are told by cause, with what the server says and whatever the values are', async () => {
    await using database = await fresh()
    await using session = await database.open()
    await session.run(`
      CREATE TYPE public.size AS ENUM ('small');
      CREATE TABLE public.t (id int PRIMARY KEY, amount int CONSTRAINT positive_2 CHECK (amount > 0), name varchar(3),
                             day date NOT NULL, size public.size, parent int CONSTRAINT known REFERENCES public.t)`)
    const refused = async (column: string, value: string | null): Promise<Reason> => {
      const values = { id: '1', day: '2024-01-01', [column]: value }
      const failure = await session
        .rows(
          `INSERT INTO public.t (${Object.keys(values)}) VALUES (${Object.keys(values).map((_, index) => `$${index + 1}`)})`,
          Object.values(values),
        )
        .catch((error) => error.cause)
      expect(failure).toMatchObject({ code: expect.any(String) })
      const { message, code: sqlstate, constraint } = failure
      return { kind: 'other', column, message, sqlstate, ...(constraint ? { constraint } : {}) }
    }
    const pairs: [string, string | null, string | null, string][] = [
      ['amount', 'abc', 'a"b"', 'invalid input syntax for type integer: …'],
      ['amount', '99999999999', '-88888888888', 'value … is out of range for type integer'],
      ['amount', '-1', '0', 'new row for relation … violates check constraint positive_2'],
      ['name', 'long', 'longer', 'value too long for type character varying(3)'],
      ['day', '2024-13-01', '31.31.2024', 'date/time field value out of range: …'],
      ['day', null, null, 'null value in column day of relation … violates not-null constraint'],
      ['size', 'big', 'huge', 'invalid input value for enum public.size: …'],
      ['parent', '7', '8', 'insert or update on table … violates foreign key constraint known'],
    ]
    const load = await newLoad(session)
    let record = 0
    for (const [column, ...values] of pairs)
      for (const value of values.slice(0, 2))
        await keepRejects(session, load, [
          reject(++record, '', await refused(column, value as string | null)),
        ])
    const ours = (message: string): Reason => ({ kind: 'no_leaf', column: 'day', message })
    await keepRejects(session, load, [
      reject(17, '', ours('no leaf for 2031-05-06 07:08:09+00, sales_2030 is the last')),
      reject(18, '', ours('no leaf for 2032-01-01, sales_2030 is the last')),
      reject(19, '', { kind: 'encoding', message: 'invalid byte sequence for encoding "UTF8": 0xe9 0x63' }),
      reject(20, '', { kind: 'columns', message: '9 columns, 8 are expected' }, ours('no leaf for 1')),
      reject(21, '', { kind: 'columns', message: '10 columns, 8 are expected' }),
    ])
    const causes = await listCauses(session, load, 1)
    expect(
      causes
        .filter(({ kind }) => kind === 'other')
        .map(({ column, message, count, lines }) => [column, message, count, lines]),
    ).toEqual(pairs.map(([column, , , message], index) => [column, message, 2, [2 * index + 2]]))
    const rest = causes.filter(({ kind }) => kind !== 'other')
    expect(rest.map(({ message, example, count }) => [message, count, example])).toEqual([
      [
        'no leaf for …, sales_2030 is the last',
        2,
        'no leaf for 2031-05-06 07:08:09+00, sales_2030 is the last',
      ],
      ['… columns, … are expected', 2, '9 columns, 8 are expected'],
      ['invalid byte sequence for encoding …: …', 1, 'invalid byte sequence for encoding "UTF8": 0xe9 0x63'],
      ['no leaf for …', 1, 'no leaf for 1'],
    ])
    expect(await listCauses(session, load)).toHaveLength(pairs.length + 4)
    expect((await listCauses(session, load))[0]).toMatchObject({ lines: [2, 3], replayed: 0 })
  })
})
