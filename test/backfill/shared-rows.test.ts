import { expect, test } from 'vitest'
import { dwh } from '../support/cli.ts'
import { server } from '../support/servers.ts'
import { chunkPlace, chunkTemplate, days, log, measure } from './chunk-place.ts'

const template = chunkTemplate(server)
const january = { from: '2024-01-01', to: '2024-02-01' }
const like = (pattern: RegExp) => expect.stringMatching(pattern)

test('scopes of other texts that share rows are told, and those rows do not give way', async () => {
  const file = (name: string, scope: string) => ({ kind: 'file', path: `data/${name}.csv`, scope })
  const sources = {
    narrow: file('narrow', "theme = 'piezo'"),
    wide: file('wide', "theme IN ('piezo', 'hydro')"),
    temp: file('temp', "theme LIKE 'te%'"),
  }
  await using place = await chunkPlace(server, template, { measure: { ...measure, sources } })
  place.put('data/narrow.csv', days('2024-01-01', '2024-02-01', { perDay: 1 }))
  place.put('data/wide.csv', days('2024-01-01', '2024-02-01', { perDay: 1, theme: 'hydro' }))
  place.put('data/temp.csv', days('2024-01-01', '2024-02-01', { perDay: 1, theme: 'temp' }))
  const of = (source: string) => [{ ...january, source }]
  for (const source of ['narrow', 'temp']) await place.backfill('measure', of(source))
  const count = 'SELECT theme, count(*)::int AS n FROM measure GROUP BY 1 ORDER BY 1'

  // The plan looks at the rows that are there.
  const force = (source: string, ...more: string[]) =>
    dwh(
      [
        'backfill',
        'run',
        '--dataset',
        'measure',
        '--month',
        '2024-01',
        '--force',
        '--dry-run',
        '--source',
        source,
        ...more,
      ],
      place.at,
    )
  expect(await force('wide')).toMatchObject({
    code: 2,
    stderr: like(
      /--force would replace 31 rows that lie in the scope of measure\/narrow .* too by those of measure\/wide .*; nothing was changed\n.*alone owns/,
    ),
  })
  expect(await force('temp')).toMatchObject({ code: 0 })
  expect(await force('temp', '--missing')).toMatchObject({ code: 2, stderr: like(/leave one of them out/) })
  // Whoever was planned before those rows came learns of them in his last transaction.
  await expect(place.backfill('measure', of('wide'), { force: true })).rejects.toMatchObject({
    code: 'ROWS_UNFIT',
    message: like(
      /^31 rows of public.measure .* lie in the scope of measure\/narrow .* too; nothing was changed/,
    ),
  })
  expect(await place.rows(count)).toEqual([
    { theme: 'piezo', n: 31 },
    { theme: 'temp', n: 31 },
  ])
  await place.session.run('DELETE FROM dwh.chunks WHERE ended_at IS NULL')
  const forced = await place.backfill('measure', of('temp'), { force: true })
  expect(forced.chunks).toMatchObject([{ outcome: 'done', figures: { replaced: 31, inserted: 31 } }])

  // A withheld window that was forced takes nothing of others either.
  place.describe({ measure: { ...measure, sources, thresholds: { ...measure.thresholds, coverage: '95%' } } })
  place.put('data/wide.csv', days('2024-01-01', '2024-01-05', { perDay: 1, theme: 'hydro' }))
  const withheld = await place.backfill('measure', of('wide'), { force: true })
  expect(withheld.chunks).toMatchObject([{ outcome: 'quarantined' }])
  await expect(place.accept(withheld.backfill)).rejects.toMatchObject({ code: 'ROWS_UNFIT' })
  place.describe({ measure: { ...measure, sources: { ...sources, wide: { ...sources.wide, priority: 1 } } } })
  expect(await force('wide')).toMatchObject({ code: 0 })
})

test('without a key the rows of another source do not give way to a first load', async () => {
  const file = { kind: 'file', path: 'data/{name}.csv', scope: 'line IS NOT NULL' }
  await using place = await chunkPlace(server, template, {
    log: { ...log, sources: { probe: file, other: file } },
  })
  place.put('data/one.csv', 'taken_on,line\n2024-01-02,one\n')
  place.put('data/two.csv', 'taken_on,line\n2024-01-02,two\n')
  await place.backfill('log', [{ ...january, parameters: { name: 'one' } }])
  await expect(
    place.backfill('log', [{ ...january, source: 'other', parameters: { name: 'two' } }]),
  ).rejects.toMatchObject({ code: 'ROWS_UNFIT' })
  expect(await place.rows('SELECT line FROM log')).toEqual([{ line: 'one' }])
})
