import { expect, test } from 'vitest'
import type { DwhEvent } from '../../src/events.ts'
import { dwhDone } from '../support/cli.ts'
import { server } from '../support/servers.ts'
import { chunkPlace, chunkTemplate, days, measure } from './chunk-place.ts'

const template = chunkTemplate(server)

test('rows that no window takes are told, but neither those that another one takes nor those of a day more on each side', async () => {
  await using place = await chunkPlace(server, template, { measure })
  const warnings: string[] = []
  const watch = (event: DwhEvent) => void (event.type === 'warning' && warnings.push(event.message))
  const week = { from: '2024-01-08', to: '2024-01-15' }
  place.put('data/2024-01-08.csv', days('2024-01-05', '2024-01-16', { perDay: 1 }))
  const first = await place.backfill('measure', [week], {}, watch)
  expect(first.chunks).toMatchObject([
    { outcome: 'done', figures: { inserted: 7, outside: 4, unplanned: 2 } },
  ])
  expect(warnings).toEqual([
    'measure/probe 2024-01-08 to 2024-01-15: 2 rows lie in no window that is planned or done, and were left out',
  ])
  const status = await dwhDone(['backfill', 'status', String(first.backfill)], place.at)
  expect(status.stdout).toMatch(
    /2024-01-08 to 2024-01-15\n {2}2 rows of it lie in no window that is planned or done: take more days/,
  )

  // The window beside is planned, and the one before is done; but for the first day that the file holds, two days before.
  place.put('data/2024-01-01.csv', days('2023-12-30', '2024-01-10', { perDay: 1 }))
  place.put('data/2024-01-15.csv', days('2024-01-14', '2024-01-22', { perDay: 1 }))
  const around = [
    { from: '2024-01-01', to: '2024-01-08' },
    { from: '2024-01-15', to: '2024-01-22' },
  ]
  const second = await place.backfill('measure', around, {}, watch)
  expect(second.chunks).toMatchObject([
    { figures: { inserted: 7, outside: 4, unplanned: 1 } },
    { figures: { inserted: 7, outside: 1, unplanned: 0 } },
  ])
  expect(warnings).toHaveLength(2)
})
