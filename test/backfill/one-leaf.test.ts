import { expect, test } from 'vitest'
import { dwh, dwhDone } from '../support/cli.ts'
import { server } from '../support/servers.ts'
import { backfillPlace, backfillTemplate, monthFile, sales } from './fixture.ts'

const template = backfillTemplate(server)

test('windows of one leaf are worked on side by side, and exchange it under each other', async () => {
  await using place = await backfillPlace(server, template, { perDay: 5 })
  const { at } = place
  const years = { ...sales, partition: { ...sales.partition, grain: 'year', from: '2024' } }
  place.describe({ sales: years })
  const words = ['backfill', 'run', '--dataset', 'sales', '--year', '2024', '--yes', '--parallel', '4']
  const { stderr } = await dwhDone(words, at)
  expect(stderr).toMatch(/12 of 12 windows done/)
  expect(stderr).not.toMatch(/SQL_FAILED|furniture/)
  expect(await place.rows('SELECT count(*) AS n, count(DISTINCT id) AS ids FROM public.sales')).toEqual([
    { n: 366 * 5, ids: 366 * 5 },
  ])
})

test('two forced windows that exchange rows of one leaf at once do not lose any, and go back one by one', async () => {
  await using place = await backfillPlace(server, template, { perDay: 2, months: 4 })
  const { at } = place
  const years = {
    ...sales,
    partition: { ...sales.partition, grain: 'year', from: '2024' },
    thresholds: { coverage: '95%', volume: '0%' },
  }
  place.describe({ sales: years })
  const words = [
    'backfill',
    'run',
    '--dataset',
    'sales',
    '--from',
    '2024-01-01',
    '--to',
    '2024-05-01',
    '--yes',
  ]
  await dwhDone([...words, '--parallel', '4'], at)
  const all = 'SELECT id, sold_on::text, client, amount FROM public.sales ORDER BY 1, 2'
  const before = await place.rows(all)
  for (const month of ['2024-01', '2024-02', '2024-03']) place.put(`data/${month}.csv`, monthFile(month, 4))
  // The fourth month comes short of its days, and is set apart.
  place.put('data/2024-04.csv', monthFile('2024-04', 4).split('\n').slice(0, 20).join('\n'))
  const forced = await dwh([...words, '--force', '--no-backup', '--parallel', '4'], at)
  expect(forced).toMatchObject({
    code: 5,
    stderr: expect.stringMatching(/3 of 4 windows done, 1 quarantined/),
  })
  const perMonth = `SELECT extract(month FROM sold_on)::int AS month, count(*)::int AS n FROM public.sales GROUP BY 1 ORDER BY 1`
  const counts = (...perDay: number[]) =>
    perDay.map((n, index) => ({ month: index + 1, n: n * ([31, 29, 31, 30][index] ?? 0) }))
  expect(await place.rows(perMonth)).toEqual(counts(4, 4, 4, 2))
  // What was set apart is fetched again, and replaces what is there.
  place.put('data/2024-04.csv', monthFile('2024-04', 4))
  const [{ backfill } = { backfill: 0 }] = await place.rows(
    'SELECT max(backfill) AS backfill FROM dwh.backfills',
  )
  const retried = await dwhDone(['backfill', 'retry', String(backfill), '--quarantined', '--yes'], at)
  expect(retried.stderr).toMatch(/1 window opened again[\s\S]*4 of 4 windows done/)
  expect(await place.rows(perMonth)).toEqual(counts(4, 4, 4, 4))
  const kept = `SELECT kind, count(*) FILTER (WHERE gone_at IS NULL)::int AS open FROM dwh.generations GROUP BY 1 ORDER BY 1`
  expect(await place.rows(kept)).toEqual([
    { kind: 'former', open: 4 },
    { kind: 'withheld', open: 0 },
  ])
  await dwhDone(['backfill', 'undo', String(backfill), '--yes'], at)
  expect(await place.rows(all)).toEqual(before)
})
