import { describe, expect, test } from 'vitest'
import { servers } from '../support/servers.ts'
import { csv, leftovers, loadingPlace, loadTemplate } from './loading.ts'

const partition = (key: string | string[], kind: string, grain: string, more: object = {}) => ({
  target: `public.by_${kind === 'date' ? grain : kind}`,
  key: ['id', ...[key].flat()],
  partition: { key, kind, grain, from: '2024-01-01', ceiling: '2025-01-01', premake: 0, ...more },
})
const datasets = {
  quarters: partition(['annee', 'trimestre'], 'year_quarter', 'quarter', { unknown: true }),
  keys: partition('jour_key', 'date_key', 'month', { unknown: true }),
  weeks: partition('jour', 'date', 'week'),
  years: partition('jour', 'date', 'year'),
  times: partition('ts', 'timestamptz', 'day', { zone: 'Europe/Paris' }),
  local: partition('ts', 'timestamp', 'month'),
}

const tables = `
  CREATE TABLE by_year_quarter (id int, annee int, trimestre int, v text) PARTITION BY RANGE (annee, trimestre);
  CREATE TABLE by_year_quarter_unknown PARTITION OF by_year_quarter DEFAULT;
  CREATE TABLE by_date_key (id int, jour_key bigint, v text) PARTITION BY RANGE (jour_key);
  CREATE TABLE by_date_key_unknown PARTITION OF by_date_key DEFAULT;
  CREATE TABLE by_week (id int, jour date, v text, PRIMARY KEY (id, jour)) PARTITION BY RANGE (jour);
  CREATE TABLE by_year (id int, jour date, v text, PRIMARY KEY (id, jour)) PARTITION BY RANGE (jour);
  CREATE TABLE by_timestamptz (id int, ts timestamptz, v text, PRIMARY KEY (id, ts)) PARTITION BY RANGE (ts);
  CREATE TABLE by_timestamp (id int, ts timestamp, v text, PRIMARY KEY (id, ts)) PARTITION BY RANGE (ts);`

describe.each(servers)('leaves on $name', (server) => {
  const template = loadTemplate(server, `SET search_path = public; ${tables}`)

  /** Loads a file with a budget that it never exceeds, and tells each leaf's ids and the lines of the rejects. */
  async function fill(
    place: Awaited<ReturnType<typeof loadingPlace>>,
    dataset: keyof typeof datasets,
    content: string,
    options = {},
  ) {
    const loaded = await place.load(dataset, content, { budget: { share: 1 }, ...options })
    const rows = await place.rows(
      `SELECT tableoid::regclass::text AS leaf, array_agg(id ORDER BY id) AS ids FROM ${datasets[dataset].target} GROUP BY 1 ORDER BY 1`,
    )
    const rejects = await place.rows(
      `SELECT line, reasons -> 0 ->> 'kind' AS kind FROM dwh.rejects WHERE load = ${loaded.load} ORDER BY record`,
    )
    expect(await leftovers(place.session)).toEqual([])
    return {
      loaded,
      leaves: Object.fromEntries(rows.map(({ leaf, ids }) => [leaf, ids])),
      rejects: rejects.map(({ line, kind }) => `${line} ${kind}`),
    }
  }

  test('quarters, keys of days, weeks and days of a zone get their leaves; the unknown leaf takes what is beyond', async () => {
    await using place = await loadingPlace(server, template, datasets)
    // NULL, and quarters before the floor and from the ceiling on, are of the unknown leaf.
    const quarters = await fill(
      place,
      'quarters',
      csv('id,annee,trimestre,v', [
        [1, 2024, 1, 'a'],
        [2, 2024, 4, 'b'],
        [3, 2023, 4, 'c'],
        [4, 2025, 1, 'd'],
        [5, -1, -1, 'e'],
        [6, null, 2, 'no key'],
      ]),
    )
    expect(quarters).toMatchObject({
      loaded: {
        inserted: 5,
        rejected: 1,
        plan: { strategy: 'aside', missing: ['by_year_quarter_2024_q1', 'by_year_quarter_2024_q4'] },
      },
      leaves: {
        by_year_quarter_2024_q1: [1],
        by_year_quarter_2024_q4: [2],
        by_year_quarter_unknown: [3, 4, 5],
      },
      rejects: ['7 key_null'],
    })
    const keys = await fill(
      place,
      'keys',
      csv('id,jour_key,v', [
        [1, 20240131, 'a'],
        [2, 20240201, 'b'],
        [3, -1, 'c'],
        [4, 99991231, 'd'],
        [5, 20240299, 'no day, but of February'],
        [6, 20241399, 'no month, but before January'],
        [7, '9223372036854775807', 'far beyond'],
        [8, 20231231, 'before'],
      ]),
    )
    expect(keys).toMatchObject({
      leaves: {
        by_date_key_2024_01: [1],
        by_date_key_2024_02: [2, 5],
        by_date_key_2024_12: [6],
        by_date_key_unknown: [3, 4, 7, 8],
      },
      rejects: [],
    })
    const weeks = await fill(
      place,
      'weeks',
      csv('id,jour,v', [
        [1, '2024-01-01', 'Monday'],
        [2, '2024-01-07', 'Sunday'],
        [3, '2024-12-30', 'of the first week of 2025, that begins before the ceiling'],
        [4, 'infinity', ''],
        [5, '0044-03-15 BC', ''],
        [6, '2025-01-06', ''],
        [7, '5874897-12-31', 'the last'],
      ]),
    )
    expect(weeks).toMatchObject({
      leaves: { by_week_2024_w01: [1, 2], by_week_2025_w01: [3] },
      rejects: ['5 no_leaf', '6 no_leaf', '7 no_leaf', '8 no_leaf'],
    })
    const times = await fill(
      place,
      'times',
      csv('id,ts,v', [
        [1, '2024-03-30T22:59:59Z', 'the last second of the 30th in Paris'],
        [2, '2024-03-30T23:00:00Z', 'the 31st, a day of 23 hours'],
        [3, '2024-03-31T21:59:59Z', ''],
        [4, '2024-03-31T22:00:00Z', ''],
        [5, '2023-12-31T22:59:59Z', 'before'],
        [6, '2023-12-31T23:00:00Z', 'in'],
        [7, '-infinity', ''],
        [8, '294276-12-31', ''],
      ]),
    )
    expect(times).toMatchObject({
      leaves: {
        by_timestamptz_2024_01_01: [6],
        by_timestamptz_2024_03_30: [1],
        by_timestamptz_2024_03_31: [2, 3],
        by_timestamptz_2024_04_01: [4],
      },
      rejects: ['6 no_leaf', '8 no_leaf', '9 no_leaf'],
    })
  })

  test('leaves with bounds of their own are filled as they are, and no period is made that has no room beside them', async () => {
    await using place = await loadingPlace(server, template, datasets)
    await place.session.run(`
      CREATE TABLE early PARTITION OF by_timestamp FOR VALUES FROM (MINVALUE) TO ('2023-06-01');
      CREATE TABLE before PARTITION OF by_timestamp FOR VALUES FROM ('2023-12-01') TO ('2024-01-01');
      CREATE TABLE first_half PARTITION OF by_timestamp FOR VALUES FROM ('2024-02-01') TO ('2024-02-15 12:00');
      CREATE TABLE second_half PARTITION OF by_timestamp FOR VALUES FROM ('2024-02-15 12:00') TO ('2024-02-28');
      CREATE TABLE late PARTITION OF by_timestamp FOR VALUES FROM ('2026-01-01') TO (MAXVALUE)`)
    const text = csv('id,ts,v', [
      [1, '-infinity', ''],
      [2, '2023-05-31', ''],
      [3, '2023-07-01', 'before the floor'],
      [4, '2023-12-15', 'before it too but a leaf is there'],
      [5, '2024-01-15', 'a leaf is made'],
      [6, '2024-02-15 11:59:59', ''],
      [7, '2024-02-15 12:00', ''],
      [8, '2024-02-28 12:00', 'no room for February'],
      [9, '2024-03-01', 'a leaf is made'],
      [10, '2025-06-01', 'beyond the ceiling'],
      [11, 'infinity', 'a leaf is there'],
    ])
    const expected = {
      leaves: {
        early: [1, 2],
        before: [4],
        by_timestamp_2024_01: [5],
        first_half: [6],
        second_half: [7],
        by_timestamp_2024_03: [9],
        late: [11],
      },
      rejects: ['4 no_leaf', '9 no_leaf', '11 no_leaf'],
    }
    const aside = await fill(place, 'local', text)
    expect(aside).toMatchObject({ ...expected, loaded: { plan: { strategy: 'aside' } } })
    const merged = await fill(place, 'local', text.replaceAll(/(?<=\d|ity),[^,]*$/gm, ',new'))
    expect(merged).toMatchObject({
      ...expected,
      loaded: { plan: { strategy: 'merge' }, inserted: 0, updated: 8 },
    })
    await place.session.run('TRUNCATE by_timestamp')
    expect(await fill(place, 'local', text, { strategy: 'append', again: true })).toMatchObject(expected)
  })

  test('more leaves than the policy allows are refused before anything is written', async () => {
    await using place = await loadingPlace(server, template, {
      weeks: { ...datasets.weeks, partition: { ...datasets.weeks.partition, most: 3 } },
    })
    const text = csv(
      'id,jour,v',
      Array.from({ length: 4 }, (_, n) => [n, `2024-0${n + 1}-01`, 'x']),
    )
    expect(await place.refusal('weeks', text)).toMatchObject({
      code: 'ROWS_UNFIT',
      message: 'the dates of the file would make more than 3 leaves of weeks; nothing was changed',
    })
    expect(
      await place.rows(`SELECT inhrelid FROM pg_inherits WHERE inhparent = 'by_week'::regclass`),
    ).toEqual([])
    expect(await leftovers(place.session)).toEqual([])
  })
})
