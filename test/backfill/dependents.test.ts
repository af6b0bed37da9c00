import { expect, test } from 'vitest'
import { dwh } from '../support/cli.ts'
import { server } from '../support/servers.ts'
import { backfillPlace, backfillTemplate, monthFile, sales } from './fixture.ts'

const template = backfillTemplate(server)
const like = (pattern: RegExp) => expect.stringMatching(pattern)

test('what reads windows that have not come fails with them, and is taken up with them', async () => {
  await using place = await backfillPlace(server, template, { months: 1 })
  await place.session.run('CREATE TABLE public.totals (sold_on date PRIMARY KEY, n bigint NOT NULL)')
  const totals = {
    target: 'public.totals',
    key: 'sold_on',
    after: ['sales'],
    sources: {
      own: {
        kind: 'postgres',
        query: 'totals.sql',
      },
    },
  }
  place.put(
    'sql/totals.sql',
    'SELECT sold_on, count(*) AS n FROM public.sales WHERE sold_on >= :from AND sold_on < :to GROUP BY 1',
  )
  place.describe({ sales: { ...sales, thresholds: { coverage: '95%', on_failure: 'quarantine' } }, totals })
  place.put('data/2024-02.csv', 'what\nis this\n')
  const march = monthFile('2024-03')
  place.put('data/2024-03.csv', march.split('\n').slice(0, 10).join('\n'))
  const words = [
    '--dataset',
    'sales',
    'totals',
    '--from',
    '2024-01-01',
    '--to',
    '2024-04-01',
    '--chunk',
    'month',
  ]
  const first = await dwh(['backfill', 'run', ...words, '--retries', '0', '--yes'], place.at)
  expect(first).toMatchObject({ code: 5, stderr: like(/PARTLY_DONE/) })
  expect(first.stderr).toMatch(
    /totals\/own 2024-02-01 to 2024-03-01: failed: its source window sales\/shop 2024-02-01 to 2024-03-01 failed/,
  )
  const [{ backfill } = { backfill: 0 }] = (await place.rows(
    'SELECT max(backfill) AS backfill FROM dwh.backfills',
  )) as {
    backfill: number
  }[]
  expect(first.stderr).toMatch(
    new RegExp(
      `totals/own 2024-03-01 .* is set apart: dwh backfill accept ${backfill} --chunk \\d+, and then dwh backfill retry ${backfill}`,
    ),
  )
  const ends = () =>
    place.rows('SELECT dataset, outcome, count(*)::int AS n FROM dwh.chunks GROUP BY 1, 2 ORDER BY 1, 2')
  expect(await ends()).toEqual([
    { dataset: 'sales', outcome: 'done', n: 1 },
    { dataset: 'sales', outcome: 'failed', n: 1 },
    { dataset: 'sales', outcome: 'quarantined', n: 1 },
    { dataset: 'totals', outcome: 'done', n: 1 },
    { dataset: 'totals', outcome: 'failed', n: 2 },
  ])

  place.put('data/2024-02.csv', monthFile('2024-02'))
  place.put('data/2024-03.csv', march)
  const again = await dwh(['backfill', 'retry', String(backfill), '--quarantined', '--yes'], place.at)
  expect(again).toMatchObject({ code: 0, stderr: like(/4 windows opened again/) })
  expect(await ends()).toEqual([
    { dataset: 'sales', outcome: 'done', n: 3 },
    { dataset: 'totals', outcome: 'done', n: 3 },
  ])
  expect(await place.rows('SELECT count(*)::int AS days, sum(n)::int AS n FROM public.totals')).toEqual([
    { days: 91, n: 273 },
  ])
  expect(await place.rows("SELECT relname FROM pg_class WHERE relname LIKE 'dwh\\_chunk\\_%'")).toEqual([])
})
