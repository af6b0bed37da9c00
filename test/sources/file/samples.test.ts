import { existsSync, globSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { packageRoot } from '../../../src/package.ts'
import { inputFolder, readAll } from './inputs.ts'

/** Real files of the services, which are no part of the project. */
const samples = join(packageRoot, '../shared/data')
const why = 'there is no ../shared/data'

test('real files of the German weather service are read out of their zips', async ({ skip }) => {
  skip(!existsSync(samples), why)
  await using folder = inputFolder()
  const zips = globSync('dwd/{modern,2016-format/*}/*.zip', { cwd: samples }).toSorted()
  const inputs = await folder.find(zips.map((zip) => join(samples, `${zip}!**/produkt_*`)))
  expect(inputs).toHaveLength(zips.length)
  for (const input of inputs) {
    const { columns, records, batches } = await readAll(input)
    expect(columns).toEqual(expect.arrayContaining(['STATIONS_ID', 'MESS_DATUM', 'eor']))
    const wrong = records.filter(({ problem }) => problem)
    // The editions of 2016 end with a line of one byte, 0x1A.
    expect(wrong.map(({ original }) => original.toString('hex')).filter((bytes) => bytes !== '1a')).toEqual(
      [],
    )
    expect(records.length).toBeGreaterThan(5)
    expect(batches.every(({ raw }) => raw)).toBe(true)
  }
})

test('whole product files of the German weather service have 13,200 rows, and are sent as they stand', async ({
  skip,
}) => {
  skip(!existsSync(samples), why)
  await using folder = inputFolder()
  const inputs = await folder.find([join(samples, 'dwd/product-files/*.txt')])
  for (const input of inputs) {
    const { records, batches } = await readAll(input, { batchBytes: 100_000 })
    expect(records).toHaveLength(13_200)
    expect(records.filter(({ problem }) => problem)).toEqual([])
    expect(batches.every(({ raw }) => raw)).toBe(true)
  }
  expect(inputs).toHaveLength(2)
})

test('arrays of Hub’Eau are read, its envelopes and its errors refused', async ({ skip }) => {
  skip(!existsSync(samples), why)
  await using folder = inputFolder()
  for (const input of await folder.find([join(samples, 'hubeau/{*,dims/demo*}.json')])) {
    const { records, columns } = await readAll(input)
    expect(records.filter(({ problem }) => problem)).toEqual([])
    expect(records.length).toBeGreaterThan(10)
    expect(columns.length).toBeGreaterThan(2)
  }
  for (const input of await folder.find([
    join(samples, 'hubeau/{dims/par*,api/{temp*,observ*,obs*_200}}.json'),
  ]))
    await expect(readAll(input)).rejects.toMatchObject({ code: 'INPUT_BROKEN' })
})

test('files of csv from all over are read', async ({ skip }) => {
  skip(!existsSync(samples), why)
  await using folder = inputFolder()
  const counts: Record<string, number> = {}
  for (const input of await folder.find([join(samples, 'csv/*.csv')])) {
    const { records } = await readAll(input)
    expect(records.filter(({ problem }) => problem)).toEqual([])
    counts[input.name.slice(input.name.lastIndexOf('/') + 1)] = records.length
  }
  expect(counts).toEqual({ 'airports.csv': 3376, 'seattle-weather.csv': 1461, 'weather.csv': 2922 })
})
