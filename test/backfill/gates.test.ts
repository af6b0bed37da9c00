import { Temporal } from 'temporal-polyfill'
import { expect, test } from 'vitest'
import { judgeChunk } from '../../src/backfill/gates.ts'
import type { ArrivedFacts } from '../../src/load/chunk.ts'
import { dwh } from '../support/cli.ts'
import { server } from '../support/servers.ts'
import { chunkPlace, chunkTemplate, days, feature, measure } from './chunk-place.ts'

const template = chunkTemplate(server)
const january = { from: '2024-01-01', to: '2024-02-01' }
const like = (pattern: RegExp) => expect.stringMatching(pattern)
const gate = (name: string, chunk: { gates: { gate: string }[] | null } | undefined) =>
  chunk?.gates?.find(({ gate }) => gate === name)

test('coverage: a month with too few days is withheld, nobody sees it, and the others go on', async () => {
  await using place = await chunkPlace(server, template, {
    measure: { ...measure, thresholds: { ...measure.thresholds, coverage: '95%' } },
  })
  place.put('data/2024-01-01.csv', days('2024-01-01', '2024-01-21'))
  place.put('data/2024-02-01.csv', days('2024-02-01', '2024-03-01'))
  const { chunks } = await place.backfill('measure', [january, { from: '2024-02-01', to: '2024-03-01' }])
  const [thin, whole] = chunks
  expect(thin).toMatchObject({ outcome: 'quarantined', figures: { records: 40, inserted: 0 }, proof: null })
  expect(gate('coverage', thin)).toEqual({
    gate: 'coverage',
    passed: false,
    found: 20 / 31,
    wanted: 0.95,
    note: '20 of 31 days have rows, 95 % wanted, without 2024-01-21, 2024-01-22, 2024-01-23 and 8 more',
  })
  expect(whole).toMatchObject({ outcome: 'done', figures: { inserted: 58 } })
  expect(gate('coverage', whole)).toMatchObject({ passed: true, found: 1 })
  expect(await place.rows('SELECT min(taken_on)::text AS first FROM measure')).toEqual([
    { first: '2024-02-01' },
  ])
  expect(await place.generations(thin?.chunk ?? 0)).toMatchObject([
    { kind: 'withheld', rows: 40, gone_at: null, table_name: `"public"."dwh_chunk_${thin?.chunk}"` },
  ])
  expect(await place.rows(`SELECT count(*) FROM dwh_chunk_${thin?.chunk}`)).toEqual([{ count: 40 }])
  // The load of it has failed, so that the same file is not taken for loaded.
  expect(
    await place.rows(`SELECT state, error_code FROM dwh.load_states WHERE load = ${thin?.load}`),
  ).toEqual([{ state: 'failed', error_code: 'GATE_FAILED' }])
  expect(await place.rows(`SELECT relname FROM pg_class WHERE relname LIKE 'dwh\\_load\\_%'`)).toEqual([])
})

test('on_failure: flag publishes it all the same, and says so', async () => {
  await using place = await chunkPlace(server, template, {
    measure: { ...measure, thresholds: { ...measure.thresholds, coverage: '95%', on_failure: 'flag' } },
  })
  place.put('data/2024-01-01.csv', days('2024-01-01', '2024-01-21'))
  const { chunks } = await place.backfill('measure', [january])
  expect(chunks).toMatchObject([{ outcome: 'flagged', figures: { inserted: 40 }, proof: { rows: 40 } }])
  const { differences, chunks: found } = await place.verify()
  expect({ differences, found }).toMatchObject({
    differences: 1,
    found: [{ finding: 'thin', rows: 40, note: like(/^coverage: 20 of 31 days have rows/) }],
  })
})

test('invalid: the part of the records that were refused', async () => {
  await using place = await chunkPlace(server, template, {
    measure: { ...measure, thresholds: { ...measure.thresholds, invalid: '5%' } },
  })
  const bad = (part: number) =>
    days('2024-01-01', '2024-02-01', { perDay: 4, value: (n) => (n % 100 < part ? 5000 : 1) })
  place.put('data/2024-01-01.csv', bad(7))
  const { chunks } = await place.backfill('measure', [january])
  expect(chunks).toMatchObject([{ outcome: 'quarantined', figures: { records: 124, rejected: 14 } }])
  expect(gate('invalid', chunks[0])).toEqual({
    gate: 'invalid',
    passed: false,
    found: 14 / 124,
    wanted: 0.05,
    note: '14 of 124 records were refused, 5 % at the most',
  })
  expect(await place.rows(`SELECT count(*) FROM dwh.rejects WHERE load = ${chunks[0]?.load}`)).toEqual([
    { count: 14 },
  ])
  place.put('data/2024-01-01.csv', bad(3))
  const again = await place.backfill('measure', [january])
  expect(again.chunks).toMatchObject([{ outcome: 'done', figures: { rejected: 6, inserted: 118 } }])
})

test('volume: by the same month of the nearest years, of this source and these parameters', async () => {
  await using place = await chunkPlace(server, template, {
    measure: { ...measure, thresholds: { ...measure.thresholds, volume: '80%' } },
  })
  for (const [year, perDay] of [
    ['2021', 1],
    ['2022', 10],
    ['2023', 10],
  ] as const) {
    place.put(`data/${year}-02-01.csv`, days(`${year}-02-01`, `${year}-03-01`, { perDay }))
    await place.backfill('measure', [{ from: `${year}-02-01`, to: `${year}-03-01` }])
  }
  // A leap year, and a day longer.
  place.put('data/2024-02-01.csv', days('2024-02-01', '2024-03-01', { perDay: 5 }))
  const { chunks } = await place.backfill('measure', [{ from: '2024-02-01', to: '2024-03-01' }])
  expect(chunks).toMatchObject([{ outcome: 'quarantined' }])
  expect(gate('volume', chunks[0])).toMatchObject({ passed: false, found: 145, wanted: 157 })
  expect(gate('volume', chunks[0])).toMatchObject({ note: '145 rows, 157 wanted by 2023, 2022, 2021' })
})

test('quarters are covered by quarters, and siblings have as many rows', async () => {
  const header = 'site,year,quarter,value\n'
  const strict = {
    coverage: '95%',
    volume: '0%',
    invalid: '100%',
    rejects: '100%',
    align_with: 'feature',
    align_rows: 2,
  }
  await using place = await chunkPlace(server, template, {
    feature: { ...feature, thresholds: { ...strict, align_with: 'sibling' } },
    sibling: { ...feature, target: 'public.sibling', thresholds: feature.thresholds },
  })
  const year = { from: '2023-01-01', to: '2024-01-01' }
  const rows = (sites: number, quarters: number[]) =>
    header +
    quarters.flatMap((q) => Array.from({ length: sites }, (_, n) => `${n + 1},2023,${q},1\n`)).join('')
  place.put('data/2023-01-01.csv', rows(3, [1, 2, 4]))
  const thin = await place.backfill('feature', [year])
  expect(thin.chunks).toMatchObject([{ outcome: 'quarantined' }])
  expect(gate('coverage', thin.chunks[0])).toMatchObject({
    passed: false,
    found: 0.75,
    note: '3 of 4 quarters have rows, 95 % wanted, without 2023-07-01',
  })
  expect(gate('alignment', thin.chunks[0])).toMatchObject({ passed: true, wanted: null })
  await place.session.run(`CREATE TABLE public.sibling (LIKE public.feature);
    INSERT INTO public.sibling SELECT s, 2023, q, 1 FROM generate_series(1, 4) AS s, generate_series(1, 4) AS q;
    INSERT INTO public.sibling SELECT s, 2022, 4, 1 FROM generate_series(1, 9) AS s`)
  place.put('data/2023-01-01.csv', rows(3, [1, 2, 3, 4]))
  const apart = await place.backfill('feature', [year])
  expect(apart.chunks).toMatchObject([{ outcome: 'quarantined' }])
  expect(gate('alignment', apart.chunks[0])).toEqual({
    gate: 'alignment',
    passed: false,
    found: 12,
    wanted: 16,
    note: '12 rows, 16 of sibling, 2 apart at the most',
  })
  await place.session.run('DELETE FROM public.sibling WHERE site = 4 AND quarter < 3')
  expect((await place.backfill('feature', [year])).chunks).toMatchObject([{ outcome: 'done' }])
})

test('of a window that is not over only the days that have passed are judged; what the source announces is expected', async () => {
  await using place = await chunkPlace(server, template, { measure: { ...measure, thresholds: {} } })
  const facts = (covered: string[], records = 100): ArrivedFacts => ({
    ...{ records, rows: records, rejected: 0, duplicates: 0, outside: 0 },
    days: async () => new Set(covered),
  })
  const { loadWarehouse } = await import('../../src/warehouse/load.ts')
  const warehouse = loadWarehouse(`${place.at.cwd}/dwh.yaml`)
  const [dataset] = warehouse.datasets
  if (!dataset) throw new Error('no dataset')
  const window = {
    from: Temporal.PlainDate.from('2024-01-01'),
    to: Temporal.PlainDate.from('2024-02-01'),
    zone: 'UTC',
  }
  const judge = (today: string, covered: string[], announced?: number) =>
    judgeChunk(
      place.session,
      {
        ...{ warehouse, dataset, source: 'probe', window, parameters: {}, announced },
        today: Temporal.PlainDate.from(today),
      },
      facts(covered),
    )
  const twoDays = ['2024-01-01', '2024-01-02']
  expect(await judge('2024-01-03', twoDays)).toMatchObject({ passed: true, verdict: 'publish' })
  expect(await judge('2024-01-04', twoDays)).toMatchObject({ passed: false, verdict: 'withhold' })
  expect(await judge('2023-12-01', [])).toMatchObject({
    passed: true,
    gates: [
      { gate: 'invalid' },
      { gate: 'coverage', note: 'no day of it has passed yet' },
      { gate: 'volume' },
    ],
  })
  expect(await judge('2024-01-03', twoDays, 126)).toMatchObject({
    passed: false,
    gates: [{}, {}, { gate: 'volume', found: 100, wanted: 101 }],
  })
})

test('a chunk that was withheld and is done again lets go of what was kept of it', async () => {
  await using place = await chunkPlace(server, template, {
    measure: { ...measure, thresholds: { ...measure.thresholds, coverage: '95%' } },
  })
  place.put('data/2024-01-01.csv', days('2024-01-01', '2024-01-21'))
  const { backfill, chunks } = await place.backfill('measure', [january])
  place.put('data/2024-01-01.csv', days('2024-01-01', '2024-02-01'))
  const retried = await dwh(['backfill', 'retry', String(backfill), '--quarantined', '--yes'], place.at)
  expect(retried).toMatchObject({ code: 0 })
  expect(await place.rows('SELECT count(*) FROM measure')).toEqual([{ count: 62 }])
  expect(await place.generations(chunks[0]?.chunk ?? 0)).toMatchObject([{ gone_at: expect.any(Date) }])
  expect(await place.rows(`SELECT relname FROM pg_class WHERE relname LIKE 'dwh\\_chunk\\_%'`)).toEqual([])
})
