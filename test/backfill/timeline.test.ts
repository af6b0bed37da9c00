import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { packageRoot } from '../../src/package.ts'
import { apiServer } from '../support/api-server.ts'
import { gazelle, timeline } from '../support/apis/gazelle.ts'
import { dwh, dwhDone } from '../support/cli.ts'
import { freshDatabase } from '../support/database.ts'
import { server } from '../support/servers.ts'
import { targetEnvironment } from '../support/warehouse.ts'
import { Folder } from '../warehouse/folder.ts'

test('years of a timeline come from the API; an entry whose date was corrected moves to the other year', async () => {
  // Two a day, of which every second one has a user, from Christmas to the first days of the year after the next.
  let entries = timeline('2023-12-25', 378, 2)
  await using played = await apiServer([
    gazelle(
      () => entries,
      () => 'tok_3n',
    ),
  ])
  await using database = await freshDatabase(server)
  await using session = await database.open()
  using folder = new Folder()
  const shipped = readFileSync(join(packageRoot, 'warehouses/timeline.yaml'), 'utf8')
  folder.write(
    'timeline.yaml',
    shipped
      .replaceAll('https://gazelleapp.io', played.base)
      .replaceAll(': ../', `: ${packageRoot}/`)
      .replaceAll('delay: 0.2', 'delay: 0'),
  )
  const at = { env: { ...targetEnvironment(database.target), GAZELLE_TOKEN: 'tok_3n' }, cwd: folder.path }
  await dwhDone(['-w', 'timeline.yaml', 'setup', '--yes'], at)
  await session.run(`INSERT INTO public.gazelle_users SELECT 'usr_' || n FROM generate_series(0, 5) AS n`)
  const run = (year: string) =>
    dwh(
      ['-w', 'timeline.yaml', 'backfill', 'run', '--dataset', 'entries', '--year', year, '--yes', '--json'],
      at,
    )
  const first = await run('2024')
  if (first.code !== 0) throw new Error(first.stderr)
  expect(JSON.parse(first.stdout)).toMatchObject({
    state: 'done',
    windows: [
      { source: 'gazelle', window_from: '2024-01-01', figures: { inserted: 732, outside: 10, rejected: 0 } },
    ],
  })
  expect(first.stdout + first.stderr).not.toContain('tok_3n')
  // usr_6 is nobody's.
  expect(
    await session.rows(
      `SELECT count(*) AS n, count(user_id) AS users, count(*) FILTER (WHERE user_id = 'usr_6') AS gone, count(piano_id) AS pianos
         FROM public.gazelle_timeline_entries_2024`,
    ),
  ).toEqual([{ n: 732, users: 314, gone: 0, pianos: 183 }])

  entries = entries
    .map((entry) =>
      entry.id === 'tme_00000100' ? { ...entry, occurredAt: '2025-01-02T10:00:00.000Z' } : entry,
    )
    .toSorted((a, b) => (a.occurredAt < b.occurredAt ? -1 : 1))
  const second = await run('2025')
  if (second.code !== 0 && second.code !== 5) throw new Error(second.stderr)
  expect(JSON.parse(second.stdout)).toMatchObject({ windows: [{ figures: { inserted: 10, moved: 1 } }] })
  expect(
    await session.rows(
      `SELECT tableoid::regclass::text AS leaf FROM public.gazelle_timeline_entries WHERE external_id = 'tme_00000100'`,
    ),
  ).toEqual([{ leaf: 'public.gazelle_timeline_entries_2025' }])
})
