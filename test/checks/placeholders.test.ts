import { Temporal } from 'temporal-polyfill'
import { describe, expect, it, test } from 'vitest'
import { fillPlaceholders, placeholdersOf } from '../../src/checks/placeholders.ts'
import { placeholderValues } from '../../src/checks/values.ts'
import { type Dataset, readWarehouse } from '../../src/warehouse/load.ts'
import { Folder } from '../warehouse/folder.ts'

const names = (sql: string) => placeholdersOf(sql).map(({ name }) => name)

describe('a placeholder', () => {
  it.each([
    ['SELECT :a, (:b), x=:c', ['a', 'b', 'c']],
    ['SELECT x::text, y :: int, :a::date', ['a']],
    ["SELECT ':a', $$:b$$, \":c\", e'\\':d' -- :e", []],
    ['SELECT /* :a /* :b */ */ :c', ['c']],
    ['SELECT v[1:n], v[i:n], v[f(1):n], w[(1) :n], v[:n]', ['n', 'n']],
    ["SELECT '{\"a\": 1}'::jsonb, time '10:30', :été", ['été']],
  ])('is found in %s', (sql, expected) => {
    expect(names(sql)).toEqual(expected)
  })

  it('is replaced, and characters of the result are found in the original', () => {
    const sql = "SELECT 'é😀', :from FROM :target WHERE x\n = :from"
    const filled = fillPlaceholders(sql, { from: "'2024-01-01'::date", target: '"a"."b"' })
    expect(filled.text).toBe(
      "SELECT 'é😀', '2024-01-01'::date FROM \"a\".\"b\" WHERE x\n = '2024-01-01'::date",
    )
    const at = (text: string, piece: string) => [...text.slice(0, text.indexOf(piece))].length + 1
    for (const piece of ['SELECT', 'FROM', 'WHERE', 'x\n'])
      expect(filled.original(at(filled.text, piece))).toBe(at(sql, piece))
    expect(filled.original(at(filled.text, '01-01'))).toBe(at(sql, ':from'))
    expect(filled.original(at(filled.text, '"b"'))).toBe(at(sql, ':target'))
    expect(filled.original(1000)).toBe([...sql].length + 1)
  })
})

function dataset(partition: string): Dataset {
  using folder = new Folder({
    'dwh.yaml': `name: mine\ndatasets: { d: { target: 's.it''s', ${partition} } }\n`,
  })
  const read = readWarehouse(`${folder.path}/dwh.yaml`)
  if ('mistakes' in read) throw new Error(JSON.stringify(read.mistakes))
  return read.warehouse.datasets[0] as Dataset
}

test.each([
  ['timestamptz', 'month', 'k', "'2024-03-30 23:00:00+00'::timestamptz", "'-infinity'::timestamptz"],
  ['timestamp', 'month', 'k', "'2024-03-31 00:00:00'::timestamp", "'-infinity'::timestamp"],
  ['date', 'year', 'k', "'2024-03-31'::date", "'-infinity'::date"],
  ['date_key', 'year', 'k', '(20240331)', '(-2147483647)'],
  ['year_quarter', 'year', '[y, q]', '(8096)', '(-2147483647)'],
])('days of a policy of %s', (kind, grain, key, from, endless) => {
  const one = dataset(`partition: { kind: ${kind}, grain: ${grain}, key: ${key}, zone: Europe/Paris }`)
  const day = Temporal.PlainDate.from('2024-03-31')
  expect(placeholderValues(one, { from: day, to: undefined })).toMatchObject({
    target: '"s"."it\'s"',
    from,
    from_date: "'2024-03-31'::date",
    to_date: "'infinity'::date",
    zone: "'Europe/Paris'",
    coverage: '0.95',
  })
  expect(placeholderValues(one, { from: undefined, to: day }).from).toBe(endless)
})

test('days of a dataset without a policy are dates', () => {
  const day = Temporal.PlainDate.from('2024-03-31')
  expect(placeholderValues(dataset('key: k'), { from: day, to: undefined })).toMatchObject({
    from: "'2024-03-31'::date",
    to: "'infinity'::date",
    zone: "'UTC'",
  })
})
