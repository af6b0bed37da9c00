import { expect, test } from 'vitest'
import { dwh } from '../support/cli.ts'
import { server } from '../support/servers.ts'
import { chunkPlace, chunkTemplate, days, measure } from './chunk-place.ts'

const template = chunkTemplate(server)
const january = { from: '2024-01-01', to: '2024-02-01' }
const like = (pattern: RegExp) => expect.stringMatching(pattern)
const all = 'SELECT * FROM measure ORDER BY 1, 2, 3'

test('a forced window that others were merged over goes back with them, and accept brings all of it back', async () => {
  await using place = await chunkPlace(server, template, { measure })
  const load = (value: number, settings = {}) => {
    place.put('data/2024-01-01.csv', days('2024-01-01', '2024-02-01', { value: () => value, perDay: value }))
    return place.backfill('measure', [january], settings)
  }
  const first = await load(1)
  const before = await place.rows(all)
  const forced = await load(2, { force: true })
  const merged = [await load(3), await load(4)]
  const after = await place.rows(all)
  const chunk = forced.chunks[0]?.chunk

  for (const { backfill } of merged)
    expect(await place.planUndo(backfill)).toMatchObject({
      chunks: [],
      others: [
        {
          why: like(
            backfill === merged[1]?.backfill
              ? new RegExp(
                  `^was merged over chunk ${chunk}: dwh backfill undo ${forced.backfill} --chunk ${chunk} --force`,
                )
              : /^was merged and not forced/,
          ),
        },
      ],
    })
  const over = merged.map(
    ({ backfill, chunks }) => `chunk ${chunks[0]?.chunk} of backfill ${backfill} was merged over it`,
  )
  expect((await place.planUndo(forced.backfill)).chunks).toMatchObject([{ since: over }])
  await expect(place.undo(forced.backfill)).rejects.toMatchObject({
    code: 'ROWS_UNFIT',
    hint: like(/^add --force: what was merged over it goes with it; .*accept brings it back/),
  })
  expect(await place.undo(forced.backfill, { force: true })).toMatchObject([
    { rows: 31, revived: first.chunks[0]?.chunk },
  ])
  expect(await place.rows(all)).toEqual(before)
  expect(await place.verify()).toMatchObject({
    differences: 0,
    chunks: [{ chunk: first.chunks[0]?.chunk, finding: 'equal' }],
  })
  await place.accept(forced.backfill)
  expect(await place.rows(all)).toEqual(after)
  expect(await place.verify()).toMatchObject({
    differences: 0,
    chunks: [{ chunk, finding: 'equal', rows: 124 }],
  })
  // Nothing is in the way of a second time.
  await place.undo(forced.backfill)
  expect(await place.rows(all)).toEqual(before)
})

test('by another scope, or with a proof that cannot be compared, nothing goes back unasked', async () => {
  const scoped = { ...measure, scope: "theme = 'piezo'" }
  await using place = await chunkPlace(server, template, { measure: scoped })
  place.put('data/2024-01-01.csv', days('2024-01-01', '2024-02-01'))
  await place.backfill('measure', [january])
  const before = await place.rows(all)
  place.put('data/2024-01-01.csv', days('2024-01-01', '2024-02-01', { perDay: 1 }))
  const { backfill } = await place.backfill('measure', [january], { force: true })
  await place.session.run("INSERT INTO measure VALUES (1, '2024-01-02', 'temp', 1)")

  const wide = { ...measure, scope: "theme IN ('piezo', 'temp')" }
  place.describe({ measure: wide })
  const undo = (...more: string[]) => dwh(['backfill', 'undo', String(backfill), ...more], place.at)
  expect(await undo('--yes', '--force')).toMatchObject({
    code: 3,
    stderr: like(
      /dwh.yaml says something else about measure\/probe than when measure\/probe 2024-01-01 to 2024-02-01 was loaded.*nothing was changed\n.*dwh backfill run --dataset measure --source probe --from 2024-01-01 --to 2024-02-01 --force/,
    ),
  })
  expect((await place.verify()).chunks).toMatchObject([
    { finding: 'unproved', note: like(/says something else/) },
  ])
  // A source that has moved makes no other rows of them.
  place.describe({ measure: { ...scoped, sources: { probe: { kind: 'file', path: 'moved/{from}.csv' } } } })
  expect((await place.planUndo(backfill)).chunks).toMatchObject([{ since: [] }])

  await place.session.run(`UPDATE dwh.chunks SET proof = proof || '{"algorithm": "sum-0"}'`)
  expect((await place.planUndo(backfill)).chunks).toMatchObject([
    { since: ['its proof is one of sum-0: whether its rows are what they were nobody can tell'] },
  ])
  await expect(place.undo(backfill)).rejects.toMatchObject({ code: 'ROWS_UNFIT', hint: like(/--force/) })
  await place.undo(backfill, { force: true })
  expect(await place.rows(all)).toHaveLength(before.length + 1)

  place.describe({ measure: wide })
  expect(await dwh(['backfill', 'accept', String(backfill), '--yes'], place.at)).toMatchObject({
    code: 3,
    stderr: like(/nothing was changed[\s\S]*dwh backfill run --dataset measure .* --force/),
  })
})
