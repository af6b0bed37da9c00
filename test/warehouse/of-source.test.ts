import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type Dataset, readWarehouse } from '../../src/warehouse/load.ts'
import { datasetOfSource } from '../../src/warehouse/of-source.ts'
import { Folder } from './folder.ts'

function read(text: string) {
  using folder = new Folder({ 'dwh.yaml': text })
  return readWarehouse(join(folder.path, 'dwh.yaml'))
}

const text = `name: mine
datasets:
  measure:
    target: a.measure
    key: [station, ts]
    recency: seen_at
    scope: "true"
    priority: 3
    columns: { theme: text, station: text, ts: timestamptz, seen_at: timestamptz }
    map: { theme: "'?'", station: code }
    sources:
      plain: { kind: file, path: x.csv }
      piezo:
        kind: file
        path: y.csv
        scope: theme = 'piezo'
        priority: 0
        key: false
        thresholds: { coverage: 3%, on_failure: flag }
        map: { theme: "'piezo'", ts: to_timestamp(at::bigint) }
`

function measure(): Dataset {
  const result = read(text)
  if ('mistakes' in result) throw new Error(result.mistakes.map(({ message }) => message).join())
  return result.warehouse.datasets[0] as Dataset
}

describe('a dataset as one of its sources fills it', () => {
  it('is as it was where the source says nothing of its own', () => {
    expect(datasetOfSource(measure(), 'plain')).toEqual(measure())
  })

  it('has the map, scope, priority, thresholds and key of the source', () => {
    const { recency: _, key: __, ...rest } = measure()
    expect(datasetOfSource(measure(), 'piezo')).toEqual({
      ...rest,
      map: { theme: "'piezo'", station: 'code', ts: 'to_timestamp(at::bigint)' },
      scope: "theme = 'piezo'",
      priority: 0,
      thresholds: { ...rest.thresholds, coverage: 0.03, on_failure: 'flag' },
    })
  })

  it.each([
    ['piezzo', 'dataset measure has no source "piezzo"; did you mean piezo?'],
    ['constructor', 'dataset measure has no source "constructor"'],
  ])('does not know %s', (name, message) => {
    expect(() => datasetOfSource(measure(), name)).toThrow(
      expect.objectContaining({ code: 'USAGE', message, hint: 'it has plain, piezo' }),
    )
  })

  it('maps into declared columns only', () => {
    const result = read(text.replace('theme: "\'piezo\'"', 'thema: "\'piezo\'"'))
    expect(result).toEqual({
      mistakes: [
        expect.objectContaining({
          path: 'datasets.measure.sources.piezo.map.thema',
          message: '"thema" is none of the columns of measure; did you mean theme?',
        }),
      ],
    })
  })
})
