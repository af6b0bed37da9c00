import { Chalk } from 'chalk'
import { expect, test } from 'vitest'
import { table } from '../../src/cli/table.ts'

test('a table has as many rows as there are, and no cell breaks its line', () => {
  const stream = { paint: new Chalk({ level: 0 }) } as Parameters<typeof table>[0]
  const columns = [
    { title: 'n', value: (n: number) => n, align: 'right' as const },
    { title: 'what', value: (n: number) => (n === 1 ? 'a\nb' : null) },
  ]
  const lines = table(
    stream,
    columns,
    Array.from({ length: 200_000 }, (_, n) => n),
  ).split('\n')
  expect(lines.slice(0, 3)).toEqual(['     n  what', '     0', '     1  a\\x0ab'])
  expect(lines).toHaveLength(200_002)
})
