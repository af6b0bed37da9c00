import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import type { DwhEvent } from '../../src/events.ts'
import { server } from '../support/servers.ts'
import { chunkPlace, chunkTemplate, days, measure } from './chunk-place.ts'

const template = chunkTemplate(server)
const january = { from: '2024-01-01', to: '2024-02-01' }

test('a column that comes while a window is at work is kept with the rows that give way, and has its default elsewhere', async () => {
  const strict = { ...measure, thresholds: { ...measure.thresholds, coverage: '95%' } }
  await using place = await chunkPlace(server, template, { measure })
  place.put('data/2024-01-01.csv', days('2024-01-01', '2024-02-01'))
  await place.backfill('measure', [january])
  const { host, port, user, database } = place.database.target as unknown as Record<string, string>
  /** Runs when a step of a load begins, and has ended before it goes on. */
  const at = (wanted: string, statement: string) => {
    let isDone = false
    return (event: DwhEvent) => {
      if (isDone || event.type !== 'step' || event.step !== wanted || event.state !== 'started') return
      isDone = true
      execFileSync('psql', [
        '-Xq',
        '-h',
        `${host}`,
        '-p',
        `${port}`,
        '-U',
        `${user}`,
        '-c',
        statement,
        `${database}`,
      ])
    }
  }

  const week = { from: '2024-01-08', to: '2024-01-15' }
  place.put('data/2024-01-08.csv', days('2024-01-08', '2024-01-15', { perDay: 1, value: () => 5 }))
  const forced = await place.backfill(
    'measure',
    [week],
    { force: true },
    at(
      'publish',
      "ALTER TABLE measure ADD COLUMN unit text NOT NULL DEFAULT 'm'; UPDATE measure SET unit = 'cm'",
    ),
  )
  expect(forced.chunks).toMatchObject([{ outcome: 'done', figures: { replaced: 14, inserted: 7 } }])
  const units = 'SELECT unit, count(*)::int AS n FROM measure GROUP BY 1 ORDER BY 1'
  expect(await place.rows(units)).toEqual([
    { unit: 'cm', n: 48 },
    { unit: 'm', n: 7 },
  ])
  await place.undo(forced.backfill)
  expect(await place.rows(units)).toEqual([{ unit: 'cm', n: 62 }])

  // Rows that are withheld do not have it: accepted they get its default.
  place.describe({ measure: strict })
  place.put('data/2024-02-01.csv', days('2024-02-01', '2024-02-05', { perDay: 1 }))
  const withheld = await place.backfill(
    'measure',
    [{ from: '2024-02-01', to: '2024-03-01' }],
    {},
    at('withhold', 'ALTER TABLE measure ADD COLUMN grade int NOT NULL DEFAULT 3'),
  )
  expect(withheld.chunks).toMatchObject([{ outcome: 'quarantined' }])
  await place.accept(withheld.backfill)
  expect(await place.rows("SELECT DISTINCT unit, grade FROM measure WHERE taken_on >= '2024-02-01'")).toEqual(
    [{ unit: 'm', grade: 3 }],
  )
})
