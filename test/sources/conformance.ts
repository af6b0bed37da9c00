import { describe, expect, test } from 'vitest'
import type { DwhError } from '../../src/errors.ts'
import type { Input } from '../../src/sources/file/find.ts'
import type { ReadOptions } from '../../src/sources/file/reader.ts'
import type { Source, Surroundings } from '../../src/sources/source.ts'
import type { Wish } from '../../src/sources/window.ts'
import { surroundings, type TestSurroundings } from '../support/surroundings.ts'
import { quietWork } from '../support/work.ts'

/**
 * What a kind of source reads in a test: held with `await using`, made anew for each test.
 */
export interface SourceWorld extends AsyncDisposable {
  /** Opens the source that is tested. */
  open(around: Surroundings): Promise<Source>
  /** As `open`, with `{nonsense}` in what is filled in: an address, a path, a query. Absent where nothing is. */
  openMisfit?(around: Surroundings): Promise<Source>
  /** A wish that has rows, and how many. */
  full: Wish
  rows: number
  /** A wish that has none; absent where that cannot be. */
  empty?: Wish
  /** From now on the full wish has other rows, as many. */
  change(): void | Promise<void>
  /** From now on each reading breaks off in the middle. Absent where nothing can break. */
  break?(): void | Promise<void>
  /** From now on a reading stands still in the middle, and `reached` comes when it does. */
  stall?(): { reached: Promise<unknown> }
  /** How `load` would be told to read the input. */
  reading?: ReadOptions
  /** How many rows an input has, where it is not to be found by reading it. */
  count?(input: Input): Promise<number>
}

/**
 * What every kind of source must do, as a suite:
 *
 *     conformance('http', async () => ({ open: (around) => openHttp(settings, around), full, rows: 12, … }))
 *
 * All rows or none, the same fingerprint for the same rows, an empty window, an abort that ends it at once, nothing left in the
 * spool, an error that names the template.
 */
export function conformance(kind: string, makeWorld: () => Promise<SourceWorld>): void {
  const within = async (body: (scene: Scene) => Promise<void>) => {
    await using around = surroundings()
    await using world = await makeWorld()
    await body({ around, world, work: quietWork() })
    expect(around.spooled(), 'nothing is left in the spool').toEqual([])
  }

  describe(`a source of kind ${kind}`, () => {
    test('gives all rows, the same fingerprint for the same rows, and another one for others', () =>
      within(givesAllRows))

    test('gives nothing of an empty window', () => within(givesNothing))

    test('gives two wishes at the same time', () => within(givesTwo))

    test('gives no rows when it breaks off in the middle', () => within(givesNoneOfSome))

    test('ends at once when it is aborted', () => within(endsAtOnce))

    test('names what stands for nothing in a template', () => within(namesTheTemplate))
  })
}

interface Scene {
  around: TestSurroundings
  world: SourceWorld
  work: ReturnType<typeof quietWork>
}

async function givesAllRows({ around, world, work }: Scene): Promise<void> {
  await using source = await world.open(around)
  const before = await source.fingerprint(world.full, work)
  const estimate = await source.estimate(world.full, work)
  if (estimate !== undefined) expect(estimate).toBe(world.rows)
  const first = await read(source, world, world.full, work)
  expect(first.rows).toBe(world.rows)
  if (first.announced !== undefined) expect(first.announced).toBe(world.rows)
  if (before !== undefined) expect(first.fingerprint).toBe(before)
  expect(first.fingerprint).not.toBe('')
  expect((await read(source, world, world.full, work)).fingerprint).toBe(first.fingerprint)
  // Another process finds the same.
  await using another = await world.open(around)
  expect((await read(another, world, world.full, work)).fingerprint).toBe(first.fingerprint)
  await world.change()
  const other = await read(another, world, world.full, work)
  expect(other.rows).toBe(world.rows)
  expect(other.fingerprint).not.toBe(first.fingerprint)
  if (before !== undefined) expect(await another.fingerprint(world.full, work)).toBe(other.fingerprint)
}

async function givesNothing({ around, world, work }: Scene): Promise<void> {
  if (!world.empty) return void expect(world.rows).toBeGreaterThan(0)
  await using source = await world.open(around)
  const { rows, announced } = await read(source, world, world.empty, work)
  expect([rows, announced ?? 0]).toEqual([0, 0])
}

async function givesTwo({ around, world, work }: Scene): Promise<void> {
  await using source = await world.open(around)
  const both = await Promise.all([
    read(source, world, world.full, work),
    read(source, world, world.full, work),
  ])
  expect(both.map(({ rows }) => rows)).toEqual([world.rows, world.rows])
}

async function givesNoneOfSome({ around, world, work }: Scene): Promise<void> {
  if (!world.break) return
  await using source = await world.open(around)
  await world.break()
  const error = await failure(read(source, world, world.full, work))
  expect(['SOURCE_FAILED', 'INPUT_BROKEN', 'SERVER_WENT_AWAY']).toContain(error.code)
}

async function endsAtOnce({ around, world, work }: Scene): Promise<void> {
  await using source = await world.open(around)
  if (world.stall) {
    const { reached } = world.stall()
    const reading = failure(read(source, world, world.full, work))
    await reached
    work.interrupt()
    expect((await reading).code).toBe('INTERRUPTED')
  } else work.interrupt()
  expect((await failure(read(source, world, world.full, work))).code).toBe('INTERRUPTED')
}

async function namesTheTemplate({ around, world, work }: Scene): Promise<void> {
  if (!world.openMisfit) return
  const error = await failure(
    world.openMisfit(around).then(async (opened) => {
      await using source = opened
      await read(source, world, world.full, work)
    }),
  )
  expect(error).toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringMatching(/\{nonsense\}/) })
}

/** Fetches, reads what was fetched to its end, and closes it. */
async function read(source: Source, world: SourceWorld, wish: Wish, work: Scene['work']) {
  await using fetched = await source.fetch(wish, work)
  const { input, fingerprint, announced, requests, bytes } = fetched
  const rows = input ? await (world.count ?? ((one) => rowsOf(one, world.reading)))(input) : 0
  if (rows > 0) expect(requests + bytes).toBeGreaterThan(0)
  return { rows, fingerprint, announced }
}

/** Counts the records of an input, each of which must be one. */
async function rowsOf(input: Input, reading: ReadOptions = {}): Promise<number> {
  await using reader = await input.open(reading)
  let rows = 0
  for await (const batch of reader.batches(quietWork())) {
    for (const { problem } of batch.records()) {
      expect(problem).toBeUndefined()
      rows++
    }
  }
  return rows
}

async function failure(promise: Promise<unknown>): Promise<DwhError> {
  return await promise.then(
    () => expect.fail('it did not fail'),
    (error: DwhError) => error,
  )
}
