import { expect, test } from 'vitest'
import { server } from '../support/servers.ts'
import { chunkPlace, chunkTemplate, log } from './chunk-place.ts'

const template = chunkTemplate(server)
const january = { from: '2024-01-01', to: '2024-02-01' }
const early = { from: '2024-01-01', to: '2024-01-16', source: 'archive' }
const like = (pattern: RegExp) => expect.stringMatching(pattern)
const all = 'SELECT taken_on::text AS day, line FROM log ORDER BY 1, 2'
const lines = (word: string, ...on: number[]) =>
  `taken_on,line\n${on.map((day) => `2024-01-${String(day).padStart(2, '0')},${word}\n`).join('')}`

test('without a key former rows that a source of a higher priority stands for by now are not lost', async () => {
  const probe = { kind: 'file', path: 'data/probe.csv' }
  const archive = { kind: 'file', path: 'data/archive.csv', priority: 10 }
  await using place = await chunkPlace(server, template, { log: { ...log, sources: { probe, archive } } })
  place.put('data/probe.csv', lines('old', 5, 20))
  await place.backfill('log', [january])
  place.put('data/probe.csv', lines('new', 6, 21))
  const forced = await place.backfill('log', [january], { force: true })
  place.put('data/archive.csv', lines('archive', 7))
  const higher = await place.backfill('log', [early], { force: true })
  const now = await place.rows(all)
  expect(now.map(({ line }) => line)).toEqual(['archive', 'new'])

  // Its former rows of the first half would stand beside those that are there by now.
  const undo = () => place.undo(forced.backfill, { force: true })
  await expect(place.undo(forced.backfill)).rejects.toMatchObject({
    hint: like(/^undo what came later first/),
  })
  await expect(undo()).rejects.toMatchObject({
    code: 'ROWS_UNFIT',
    message: like(/^1 of the rows that are kept aside .* nothing was changed/),
    hint: like(/^undo the backfill of that source first/),
  })
  expect(await place.rows(all)).toEqual(now)
  await place.undo(higher.backfill)
  await place.undo(forced.backfill)
  expect((await place.rows(all)).map(({ line }) => line)).toEqual(['old', 'old'])
  expect(await place.verify()).toMatchObject({ chunks: [{ finding: 'equal', rows: 2 }] })
})

test('without a key rows of a higher priority that were there before stay, and an undo is exact', async () => {
  const probe = { kind: 'file', path: 'data/probe.csv' }
  const archive = { kind: 'file', path: 'data/archive.csv', priority: 10 }
  await using place = await chunkPlace(server, template, { log: { ...log, sources: { probe, archive } } })
  place.put('data/archive.csv', lines('archive', 5))
  await place.backfill('log', [early])
  place.put('data/probe.csv', lines('old', 5, 20))
  await place.backfill('log', [january], { force: true })
  const before = await place.rows(all)
  expect(before.map(({ line }) => line)).toEqual(['archive', 'old'])
  place.put('data/probe.csv', lines('new', 5, 20, 21))
  const forced = await place.backfill('log', [january], { force: true })
  const after = await place.rows(all)
  expect(after.map(({ line }) => line)).toEqual(['archive', 'new', 'new'])
  await place.undo(forced.backfill)
  expect(await place.rows(all)).toEqual(before)
  await place.accept(forced.backfill)
  expect(await place.rows(all)).toEqual(after)
})
