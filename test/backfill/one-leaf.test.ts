import { expect, test } from 'vitest'
import { dwhDone } from '../support/cli.ts'
import { server } from '../support/servers.ts'
import { backfillPlace, backfillTemplate, sales } from './fixture.ts'

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
