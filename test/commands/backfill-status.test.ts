import { expect, test } from 'vitest'
import { hintOfSource } from '../../src/backfill/source-hint.ts'
import { backfillDocument } from '../../src/cli/backfill.ts'
import { nextSteps, reasons, stretches } from '../../src/commands/backfill/windows.ts'
import { seedBackfill } from '../support/backfills.ts'
import { dwh } from '../support/cli.ts'
import { freshDatabase } from '../support/database.ts'
import { server } from '../support/servers.ts'
import { testWarehouse } from '../support/warehouse.ts'

test('what helps is said as the warehouse file says it, for a backfill has no flags for it', () => {
  expect(
    [
      'say --no-header and --columns a,b,c if it should be read without one',
      'say in which encoding it is written: --encoding windows-1252',
      'name the columns with --columns, or say in `map` of the dataset x where they come from',
      'see why: dwh rejects list --load 1; or allow more with --max-rejects',
    ].map(hintOfSource),
  ).toEqual([
    'say `header: false` and `columns: [a,b,c]` in the source if it should be read without one',
    'say in which encoding it is written: `encoding: windows-1252` in the source',
    'name the columns with `columns` in the source, or say in `map` of the dataset x where they come from',
    'see why: dwh rejects list --load 1; or allow more with `rejects` of the thresholds of the dataset',
  ])
})

const like = (pattern: RegExp) => expect.stringMatching(pattern)

const day = (n: number) => `2024-01-${String(n).padStart(2, '0')}`
const answered = (n: number): [string, string] => [
  'SOURCE_FAILED',
  `https://api.example/levels?from=${day(n)} answered 500: internal error\nhint ask by hand`,
]

test('the windows of a backfill: those that share a fate are one line, reasons are told once, and what to type next', async () => {
  await using database = await freshDatabase(server)
  await using session = await database.open()
  const backfill = await seedBackfill(session, {}, [
    ...[1, 2, 3].map((n) => ({
      from: day(n),
      to: day(n + 1),
      outcome: 'done' as const,
      parameters: { region: '', network: 'BRGM' },
      figures: { records: 100, inserted: 90, updated: 10, unchanged: 0, moved: 0, rejected: 0, seconds: 1 },
    })),
    ...[4, 5].map((n) => ({
      from: day(n),
      to: day(n + 1),
      outcome: 'failed' as const,
      parameters: { region: '', network: 'BRGM' },
      error: answered(n),
      attempts: 4,
    })),
    {
      from: day(6),
      to: day(7),
      outcome: 'quarantined' as const,
      parameters: { region: '', network: 'BRGM' },
      figures: { records: 40, inserted: 0, rejected: 0, seconds: 1 },
      gates: [{ gate: 'coverage', passed: false, found: 0, wanted: 1, note: '0 of 1 days have rows' }],
    },
  ])
  const document = await backfillDocument(session, backfill)
  const lines = stretches(document.windows, false)
  expect(lines).toMatchObject([
    { chunk: null, from: day(1), to: day(4), windows: 3, state: 'done', records: 300, rows: 300 },
    { chunk: null, from: day(4), to: day(6), windows: 2, state: 'failed', records: null, tries: 4 },
    // Its rows are not in the table: what came is told as records.
    { chunk: document.windows[5]?.chunk, windows: 1, state: 'quarantined', records: 40, rows: null },
  ])
  expect(lines[0]?.name).toMatch(/^[^/]+\/\S+ network=BRGM$/)
  expect(stretches(document.windows, true)).toHaveLength(6)
  expect(reasons(document.windows).map(({ state, names, text }) => [state, names.length, text])).toEqual([
    ['failed', 2, 'answered 500: internal error'],
    ['quarantined', 1, 'coverage: 0 of 1 days have rows'],
  ])
  expect(nextSteps(document).map(({ type }) => type)).toEqual([
    `dwh backfill retry ${backfill}`,
    `dwh backfill accept ${backfill} --dry-run`,
    `dwh backfill retry ${backfill} --quarantined`,
  ])

  using warehouse = testWarehouse({ datasets: {} })
  const at = warehouse.at(database.target)
  const number = String(backfill)
  const [shown, failed, retry] = await Promise.all([
    dwh(['backfill', 'status', number], at),
    dwh(['backfill', 'status', number, '--state', 'failed', '--json'], at),
    dwh(['backfill', 'retry', number], at),
  ])
  expect(shown).toMatchObject({
    code: 0,
    stdout: like(
      /^backfill \d+: partly; 3 of 6 windows done, 1 quarantined, 2 failed; 300 rows\n[\s\S]*\nwhy\nfailed: .* and 1 other\n {2}answered 500: internal error\n {2}hint {2}ask by hand\n[\s\S]*\nwhat to type next\n {2}dwh backfill retry \d+ /,
    ),
  })
  expect(shown.stdout).not.toMatch(/region=|https:/)
  expect(JSON.parse(failed.stdout).windows).toMatchObject([{ state: 'failed' }, { state: 'failed' }])
  // It has no --dry-run to advise.
  expect(retry).toMatchObject({ code: 2, stderr: like(/NEEDS_CONFIRMATION.*\nhint +add --yes to go on\n/) })
})
