import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { describe, expect, test } from 'vitest'
import type { Session } from '../../src/postgres/session.ts'
import { dwh, dwhDone } from '../support/cli.ts'
import { databaseTemplate, freshDatabase } from '../support/database.ts'
import { server } from '../support/servers.ts'
import { testWarehouse } from '../support/warehouse.ts'

const says = (pattern: RegExp) => expect.stringMatching(pattern)

const template = databaseTemplate(server, (session) =>
  session.run(`
    CREATE TABLE public.shops (shop text PRIMARY KEY);
    INSERT INTO public.shops VALUES ('Lyon');
    CREATE TABLE public.sales (id int PRIMARY KEY, shop text REFERENCES public.shops, amount numeric, note text);
    CREATE TABLE public.visits (day date, shop text, visitors int)`),
)

function warehouse() {
  const made = testWarehouse({
    datasets: {
      sales: { target: 'public.sales', key: 'id' },
      visits: { target: 'public.visits', scope: 'shop = :shop' },
    },
  })
  const write = (name: string, content: string | Uint8Array) =>
    writeFileSync(join(made.folder, name), content)
  return { ...made, write, [Symbol.dispose]: () => made[Symbol.dispose]() }
}

const sales = (session: Session) =>
  session.rows('SELECT id, shop, amount, note FROM public.sales ORDER BY id')
const states = (session: Session) =>
  session.rows('SELECT load, record, replayed_by FROM dwh.rejects ORDER BY load, record')

describe('dwh rejects replay', () => {
  test('reads rows as their file was read, takes over those that are refused again, and is done once', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    using place = warehouse()
    const at = place.at(database.target)
    const lines = [
      'ID;Shop;Amount;Note',
      '1;Lyon;1,5;-',
      "2;Nîmes;2,5;'a;\nb'",
      '3;Nîmes;much;-',
      '4;Nîmes;4,5;é',
    ]
    place.write('sales.txt', Buffer.from(`${lines.join('\r\n')}\r\n`, 'latin1'))
    const reading = ['--decimal-comma', '--encoding', 'latin1', '--quote', "'", '--null', '-']
    await dwhDone(['load', 'sales', 'sales.txt', ...reading, '--max-rejects', '3', '--yes'], at)
    expect(await states(session)).toEqual([2, 3, 4].map((record) => ({ load: 1, record, replayed_by: null })))

    const replay = ['rejects', 'replay', '1', '--yes']
    expect(await dwh(replay, at)).toMatchObject({
      code: 1,
      stderr: says(/error REJECTS_TOO_MANY 3 .*records were refused and 2 are allowed/),
    })
    await session.run("INSERT INTO public.shops VALUES ('Nîmes')")
    const dry = await dwhDone(['rejects', 'replay', '1', '--dry-run', '--json'], at)
    expect(JSON.parse(dry.stdout)).toMatchObject([
      { file: 'rejects of load 1', strategy: 'merge', sample: { records: 3, refused: 1 } },
    ])
    const done = JSON.parse((await dwhDone([...replay, '--json'], at)).stdout)
    expect(done).toMatchObject([{ state: 'loaded', load: 3, records: 3, inserted: 2, rejected: 1 }])
    const rows = [
      { id: 1, shop: 'Lyon', amount: '1.5', note: null },
      { id: 2, shop: 'Nîmes', amount: '2.5', note: 'a;\nb' },
      { id: 4, shop: 'Nîmes', amount: '4.5', note: 'é' },
    ]
    expect(await sales(session)).toEqual(rows)
    expect((await states(session)).filter(({ load }) => load !== 2)).toEqual([
      ...[2, 3, 4].map((record) => ({ load: 1, record, replayed_by: 3 })),
      { load: 3, record: 2, replayed_by: null },
    ])
    expect(await dwh(replay, at)).toMatchObject({
      code: 0,
      stderr: says(/load 1 has no open rejects: nothing to do/),
    })

    // What is left goes the way of the file: out, mended by hand, and in again.
    const raw = await dwhDone(['rejects', 'export', '3', '--format', 'raw', '--header'], at)
    place.write('mended.txt', raw.stdout.replace('much', '3,5').replaceAll('�', 'î'))
    const mended = ['load', 'sales', 'mended.txt', '--decimal-comma', '--quote', "'", '--null', '-']
    await dwhDone([...mended, '--replays', '3', '--yes'], at)
    expect(await sales(session)).toEqual([
      ...rows.slice(0, 2),
      { id: 3, shop: 'Nîmes', amount: '3.5', note: null },
      ...rows.slice(2),
    ])
    expect(
      await session.rows(
        'SELECT FROM dwh.rejects JOIN dwh.load_states USING (load) WHERE replayed_by IS NULL AND state = $1',
        ['done'],
      ),
    ).toEqual([])
    const ledger = await session.rows(
      'SELECT state, count(*) AS n FROM dwh.load_states GROUP BY state ORDER BY state',
    )
    expect(ledger).toEqual([
      { state: 'done', n: 3 },
      { state: 'failed', n: 1 },
    ])
  })

  test('of json arrays, of parquet, and of a dataset without a key, whose other rows stay', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    using place = warehouse()
    const at = place.at(database.target)
    place.write(
      'sales.json',
      '[{"id": 1, "shop": "Lyon"},\n {"id": 2,\n  "shop": "Metz",\n "note": "a\\nb"}, {"id": 3, "shop": "Metz"}]',
    )
    place.write(
      'sales.parquet',
      new Uint8Array(
        parquetWriteBuffer({
          columnData: [
            { name: 'id', data: [11, 12], type: 'INT32' },
            { name: 'shop', data: ['Lyon', 'Metz'], type: 'STRING' },
          ],
        }),
      ),
    )
    place.write('visits.csv', 'day,shop,visitors\n2024-01-01,Lyon,7\n2024-01-01,Lyon,many\n')
    await dwhDone(['load', 'sales', 'sales.json', 'sales.parquet', '--max-rejects', '2', '--yes'], at)
    await dwhDone(['load', 'visits', 'visits.csv', '--param', 'shop=Lyon', '--max-rejects', '1', '--yes'], at)
    await session.run(
      "INSERT INTO public.shops VALUES ('Metz'); ALTER TABLE public.visits ALTER visitors TYPE text",
    )
    for (const load of ['1', '2', '3']) await dwhDone(['rejects', 'replay', load, '--yes'], at)
    expect(await session.rows('SELECT id, shop, note FROM public.sales ORDER BY id')).toEqual([
      { id: 1, shop: 'Lyon', note: null },
      { id: 2, shop: 'Metz', note: 'a\nb' },
      { id: 3, shop: 'Metz', note: null },
      { id: 11, shop: 'Lyon', note: null },
      { id: 12, shop: 'Metz', note: null },
    ])
    expect(await session.rows('SELECT visitors FROM public.visits ORDER BY 1')).toEqual([
      { visitors: '7' },
      { visitors: 'many' },
    ])
  })

  test('refuses loads that failed, that are not there, and those of another table', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    using place = warehouse()
    const at = place.at(database.target)
    place.write('sales.csv', 'id,amount\n1,much\n')
    expect(await dwh(['load', 'sales', 'sales.csv', '--yes'], at)).toMatchObject({ code: 1 })
    expect(await dwh(['rejects', 'replay', '1', '--yes'], at)).toMatchObject({
      code: 2,
      stderr: says(
        /error USAGE load 1 is failed: nothing of sales\.csv was loaded by it\nhint +load the whole file again/,
      ),
    })
    expect(await dwh(['rejects', 'replay', '9', '--yes'], at)).toMatchObject({
      code: 2,
      stderr: says(/error USAGE there is no load 9/),
    })
    place.write('some.csv', 'id,amount\n1,1\n')
    await dwhDone(['load', 'sales', 'some.csv', '--yes'], at)
    expect(await dwh(['load', 'visits', 'sales.csv', '--replays', '2', '--yes'], at)).toMatchObject({
      code: 2,
      stderr: says(/error USAGE load 2 went to public\.sales, and dataset visits is public\.visits/),
    })
  })
})
