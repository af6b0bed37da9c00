import { join } from 'node:path'
import { Temporal } from 'temporal-polyfill'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { codeOf } from '../../src/backfill/code.ts'
import { type Choice, choosePairs, requireDays, spansOf } from '../../src/backfill/request.ts'
import { loadWarehouse, type Warehouse } from '../../src/warehouse/load.ts'
import { type TestWarehouse, testWarehouse } from '../support/warehouse.ts'

const date = (text: string) => Temporal.PlainDate.from(text)

describe('which days', () => {
  const span = (days: Parameters<typeof spansOf>[0]) => {
    const found = spansOf(days)
    return found?.map(({ from, to }) => `${from} ${to}`).join(', ')
  }

  test('of a period, or from one up to another', () => {
    expect(span({ year: [date('2024-01-01')] })).toBe('2024-01-01 2025-01-01')
    expect(span({ quarter: [date('2023-10-01')] })).toBe('2023-10-01 2024-01-01')
    expect(span({ month: [date('2024-02-01')] })).toBe('2024-02-01 2024-03-01')
    expect(span({ day: [date('2024-02-29')] })).toBe('2024-02-29 2024-03-01')
    expect(span({ from: date('2024-01-31'), to: date('2024-02-02') })).toBe('2024-01-31 2024-02-02')
    expect(span({})).toBeUndefined()
    // Several of them without the days between; those that touch are one.
    const quarters = ['2024-01-01', '2022-01-01', '2023-01-01', '2022-04-01', '2022-01-01']
    expect(span({ quarter: quarters.map(date) })).toBe(
      '2022-01-01 2022-07-01, 2023-01-01 2023-04-01, 2024-01-01 2024-04-01',
    )
  })

  test('of years that tables and ledger can tell', () => {
    for (const year of ['0000-01-01', '0001-01-01', '9999-01-01'])
      expect(() => requireDays([], spansOf({ year: [date(year)] }))).toThrow(
        /lies beyond the years from 2 to 9990; nothing/,
      )
  })

  test('in one way only, and forwards', () => {
    const year = date('2024-01-01')
    expect(() => spansOf({ year: [year], month: [year] })).toThrow(/one of --from and --to/)
    expect(() => spansOf({ year: [year], from: year })).toThrow(/one of --from and --to/)
    expect(() => spansOf({ from: year })).toThrow(/--to is missing/)
    expect(() => spansOf({ to: year })).toThrow(/--from is missing/)
    expect(() => spansOf({ from: year, to: year })).toThrow(/--to 2024-01-01 is not after --from 2024-01-01/)
  })
})

describe('which datasets, sources and parameters', () => {
  const partition = { key: 'd', kind: 'date', grain: 'month' }
  const file = { kind: 'file', path: 'x.csv' }
  const datasets = {
    measure: {
      target: 'public.measure',
      partition,
      scope: 'theme = :theme',
      sources: {
        piezo: {
          ...file,
          path: '{region}/{year}.csv',
          parameters: { region: 'all', theme: 'piezo' },
          chunk: '10 days',
        },
        hydro: { ...file, parameters: { theme: 'hydro' } },
      },
    },
    stations: { target: 'public.stations', sources: { list: file } },
    entries: { target: 'public.entries', sources: { days: { ...file, path: '{from}.csv' } } },
    plain: { target: 'public.plain' },
  }
  const api = { kind: 'http', url: 'https://example.org/{from}/{code}', query: { region: '{region}' } }
  let folder: TestWarehouse
  let warehouse: Warehouse
  beforeAll(() => {
    folder = testWarehouse({ datasets })
    warehouse = loadWarehouse(join(folder.folder, 'dwh.yaml'))
  })
  afterAll(() => folder[Symbol.dispose]())
  const choose = (choice: Partial<Choice>) =>
    choosePairs(warehouse, {
      datasets: [],
      all: false,
      source: undefined,
      chunk: undefined,
      parameters: {},
      ...choice,
    })

  test('all of them, or those that are named', () => {
    expect(choose({ all: true }).map(({ dataset, source }) => `${dataset.name}/${source}`)).toEqual([
      'measure/piezo',
      'measure/hydro',
      'stations/list',
      'entries/days',
    ])
    expect(choose({ all: true, source: 'hydro' })).toHaveLength(1)
    const [piezo] = choose({ datasets: ['measure', 'measure'], source: 'piezo' })
    expect(piezo).toMatchObject({
      parameters: { region: 'all', theme: 'piezo' },
      size: { days: 10 },
      hasWindows: true,
    })
    // A list is asked for as a whole; a table without leaves by days where its source speaks of them.
    expect(choose({ datasets: ['stations', 'entries'] }).map(({ hasWindows }) => hasWindows)).toEqual([
      false,
      true,
    ])
  })

  test('a parameter goes to the sources that ask for it', () => {
    const [piezo, hydro] = choose({ datasets: ['measure'], parameters: { region: 'north' } })
    expect(piezo?.parameters).toEqual({ region: 'north', theme: 'piezo' })
    expect(hydro?.parameters).toEqual({ theme: 'hydro' })
  })

  test('what the query of another PostgreSQL asks for is known by its colons', () => {
    const text =
      "SELECT d, ':no', x::text -- :nor\nFROM t WHERE region = :region AND d >= :from_key AND d < :to_key"
    using own = testWarehouse(
      {
        datasets: {
          days: { target: 'public.days', sources: { other: { kind: 'postgres', query: 'days.sql' } } },
        },
      },
      { 'sql/days.sql': text },
    )
    const file = loadWarehouse(join(own.folder, 'dwh.yaml'))
    const ask = (parameters: Record<string, string>) =>
      choosePairs(file, { datasets: ['days'], all: false, source: undefined, chunk: undefined, parameters })
    expect(ask({ region: 'north' })).toMatchObject([{ parameters: { region: 'north' }, hasWindows: true }])
    expect(() => ask({})).toThrow(/parameters are missing: days\/other asks for region;/)
    expect(() => ask({ region: 'north', no: '1' })).toThrow(/no source asks for a parameter no/)
  })

  test('a parameter that is missing is told before anything is planned', () => {
    using own = testWarehouse({
      datasets: {
        levels: { target: 'public.levels', sources: { api: { ...api, parameters: { code: 7 } } } },
      },
    })
    const levels = loadWarehouse(join(own.folder, 'dwh.yaml'))
    const choice = { datasets: ['levels'], all: false, source: undefined, chunk: undefined }
    expect(() => choosePairs(levels, { ...choice, parameters: {} })).toThrow(
      /parameters are missing: levels\/api asks for region; nothing was changed/,
    )
    expect(choosePairs(levels, { ...choice, parameters: { region: 'north' } })).toHaveLength(1)
  })

  test('what is no name is said with those that are', () => {
    expect(() => choose({})).toThrow(/name datasets with --dataset, or take all/)
    expect(() => choose({ all: true, datasets: ['measure'] })).toThrow(/name datasets/)
    expect(() => choose({ datasets: ['mesure'] })).toThrow(/there is no dataset "mesure".*measure/)
    expect(() => choose({ datasets: ['plain'] })).toThrow(/dataset plain has no source/)
    expect(() => choose({ datasets: ['measure'], source: 'piez' })).toThrow(/has no source "piez".*piezo/)
    expect(() => choose({ datasets: ['measure'], parameters: { regoin: 'x' } })).toThrow(
      /no source asks for a parameter regoin.*region/,
    )
    expect(() => choose({ datasets: ['measure'], parameters: { year: '2024' } })).toThrow(/parameter year/)
    expect(() => requireDays(choose({ datasets: ['measure'] }), undefined)).toThrow(
      /which days of measure\/piezo/,
    )
    expect(() => requireDays(choose({ datasets: ['stations'] }), undefined)).not.toThrow()
  })

  test('what makes other rows is other code; how politely a source is asked is not', () => {
    const code = (change: object, source: object = {}) => {
      const measure = { ...datasets.measure, ...change }
      const piezo = { ...measure.sources.piezo, ...source }
      using changed = testWarehouse({ datasets: { measure: { ...measure, sources: { piezo } } } })
      return codeOf(loadWarehouse(join(changed.folder, 'dwh.yaml')), 'measure', 'piezo')
    }
    const before = code({})
    expect(code({})).toBe(before)
    expect(code({ description: 'for people' })).toBe(before)
    expect(code({}, { chunk: 'day', parameters: { region: 'north', theme: 'piezo' } })).toBe(before)
    expect(code({ map: { v: 'lower(v)' } })).not.toBe(before)
    expect(code({}, { path: '{region}/{month}.csv' })).not.toBe(before)
    expect(code({ key: ['d', 'station'] })).not.toBe(before)
  })
})
