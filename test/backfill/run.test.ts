import { expect, test } from 'vitest'
import { dwh } from '../support/cli.ts'
import { server } from '../support/servers.ts'
import { backfillPlace, backfillTemplate, leftovers, monthFile, sales } from './fixture.ts'

const like = (pattern: RegExp) => expect.stringMatching(pattern)
const template = backfillTemplate(server)
const clean = { open: [], tables: [], loads: [], leases: [] }

test('a table that is not there keeps a backfill from beginning, also where its windows have no rows', async () => {
  await using place = await backfillPlace(server, template, { months: 0 })
  await place.session.run('DROP TABLE public.sales')
  const words = ['backfill', 'run', '--dataset', 'sales', '--month', '2024-01', '--yes']
  expect(await dwh(words, place.at)).toMatchObject({
    code: 4,
    stderr: like(
      /✗ tables: public\.sales is not there[\s\S]*error CHECK_FAILED tables: public\.sales is not there; nothing was changed\nhint .*dwh setup/,
    ),
  })
  expect(await place.rows('SELECT FROM dwh.chunks')).toEqual([])
})

test('plan, work, nothing to do; what has changed since is stale; what failed is taken up again', async () => {
  await using place = await backfillPlace(server, template)
  const { at, session } = place
  const words = ['backfill', 'run', '--dataset', 'sales', 'clients', '--year', '2024', '--parallel', '2']

  const dry = await dwh([...words, '--dry-run', '--json'], at)
  expect(dry).toMatchObject({ code: 0, stderr: '' })
  const plan = JSON.parse(dry.stdout)
  expect(plan).toMatchObject({ parallel: 2, order: 'oldest', backup: false, estimate: { by: 'the sources' } })
  expect(plan.windows).toHaveLength(13)
  // What has no window goes first: facts refer to it.
  expect(plan.windows[0]).toMatchObject({
    dataset: 'clients',
    source: 'list',
    from: null,
    to: null,
    taken: true,
  })
  expect(plan.windows[2]).toMatchObject({
    from: '2024-02-01',
    to: '2024-03-01',
    standing: 'missing',
    why: 'never loaded',
  })
  expect(plan.estimate.rows).toBeGreaterThan(1000)
  expect(plan.estimate.rows).toBeLessThan(1200)
  expect(await place.rows('SELECT FROM dwh.chunks')).toEqual([])

  // A file that cannot be loaded does not keep the others back.
  place.put('data/2024-05.csv', monthFile('2024-05', 3, { rejects: 90 }))
  const first = await dwh([...words, '--yes', '--json'], at)
  expect(first).toMatchObject({
    code: 5,
    stderr: like(
      /✓ sales\/shop 2024-02-01 to 2024-03-01 {2}87 records, [\d,]+ rows\/s: 87 inserted[\s\S]*! sales\/shop 2024-05-01 to 2024-06-01: attempt 1 of 4, failed: REJECTS_TOO_MANY[\s\S]*backfill 1: 12 of 13 windows done, 1 failed; 1,007 rows\nerror PARTLY_DONE.*\nhint .*dwh backfill status 1; once it is mended: dwh backfill retry 1/,
    ),
  })
  const document = JSON.parse(first.stdout)
  expect(document).toMatchObject({
    backfill: 1,
    state: 'partly',
    chunks: 13,
    done: 12,
    failed: 1,
    rows: 1007,
  })
  expect(document.windows[1]).toMatchObject({
    window_from: '2024-01-01',
    state: 'done',
    attempts: 1,
    figures: { records: 93, inserted: 93, rejected: 0, outside: 0 },
  })
  expect(await leftovers(session)).toEqual(clean)
  expect(await place.rows('SELECT state, error_code FROM dwh.run_states')).toEqual([
    { state: 'partly', error_code: 'PARTLY_DONE' },
  ])

  place.put('data/2024-05.csv', monthFile('2024-05', 4))
  const retry = await dwh(['backfill', 'retry', '1', '--yes'], at)
  expect(retry).toMatchObject({
    code: 0,
    stderr: like(/1 window opened again\n[\s\S]*124 inserted[\s\S]*13 of 13 windows done/),
  })
  expect(await place.rows('SELECT count(*) AS n FROM public.sales')).toEqual([{ n: 366 * 3 + 31 }])
  expect(await place.rows('SELECT DISTINCT worker FROM dwh.chunks')).toEqual([{ worker: null }])

  // A file that was written since; a source that is described in another way.
  place.put('data/2024-03.csv', monthFile('2024-03', 5))
  const stale = await dwh(
    ['backfill', 'run', '--dataset', 'sales', '--year', '2024', '--stale', '--yes', '--json'],
    at,
  )
  expect(JSON.parse(stale.stdout)).toMatchObject({
    chunks: 1,
    windows: [{ window_from: '2024-03-01', state: 'done' }],
  })
  expect(stale.stderr).toMatch(/and the source has changed since/)
  place.describe({ sales: { ...sales, map: { client: 'upper(client)' } } })
  const plain = await dwh(['backfill', 'plan', '--dataset', 'sales', '--year', '2024'], at)
  expect(plain.stdout).toMatch(
    /\+ +sales\/shop +2024-01-01 +2024-03-01 +2 +done by run 1, and the warehouse file says something else since/,
  )
  place.describe({ sales })
  const none = await dwh(
    ['backfill', 'run', '--dataset', 'sales', '--month', '2024-03', '--chunk', 'day', '--yes'],
    at,
  )
  expect(none).toMatchObject({ code: 0, stderr: like(/31 +its days are done by run 3[\s\S]*nothing to do/) })
  expect(
    await place.rows('SELECT superseded_by FROM dwh.chunks WHERE superseded_by IS NOT NULL'),
  ).toHaveLength(1)
})

test('what is wrong with a command line is said in one line, and nothing is changed', async () => {
  await using place = await backfillPlace(server, template, { months: 1 })
  const wrong: [string[], number, RegExp][] = [
    [
      ['run', '--dataset', 'sales', '--from', '2024-02-31', '--to', '2024-03-01'],
      2,
      /USAGE --from <date>: there is no day 2024-02-31: 2024-02 has 29 days\n/,
    ],
    [['run', '--dataset', 'sales', '--chunk', 'fortnight'], 2, /expected day, week, month/],
    [['run', '--dataset', 'sales', '--year', '2024', '--no-backup', '--force'], 2, /NEEDS_CONFIRMATION/],
    [['status', '7'], 2, /USAGE run 7 is no backfill\nhint +see: dwh backfill list/],
    [['work'], 0, /nothing to do: no backfill is open/],
  ]
  const results = await Promise.all(wrong.map(([words]) => dwh(['backfill', ...words], place.at)))
  for (const [n, [, code, message]] of wrong.entries())
    expect(results[n]).toMatchObject({ code, stdout: '', stderr: like(message) })
  expect(await place.rows('SELECT FROM dwh.runs')).toEqual([])
})
