import { mkdtempSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { Temporal } from 'temporal-polyfill'
import { openFile } from '../../../src/sources/file/source.ts'
import type { Surroundings } from '../../../src/sources/source.ts'
import type { Wish } from '../../../src/sources/window.ts'
import { sourceSchema } from '../../../src/warehouse/source.ts'
import { conformance } from '../conformance.ts'

const window = (from: string, to: string): Wish => ({
  window: { from: Temporal.PlainDate.from(from), to: Temporal.PlainDate.from(to), zone: 'UTC' },
  parameters: {},
})

/** A file for each day, packed. */
conformance('file', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'dwh-files-'))
  const path = (day: number) => join(folder, `2024-01-0${day}.csv.gz`)
  const put = (day: number, value: number) => {
    const rows = Array.from({ length: 100 }, (_, n) => `${n},${(n * 7919 + value) % 1000}\n`)
    writeFileSync(path(day), gzipSync(`id,value\n${rows.join('')}`))
  }
  put(1, 1)
  put(2, 2)
  const open = (name: string) => (around: Surroundings) => {
    const settings = sourceSchema.parse({ kind: 'file', path: join(folder, name) })
    if (settings.kind !== 'file') throw new Error('no source of files')
    return openFile(settings, around)
  }
  return {
    open: open('{year}-{month}-{day}.csv.gz'),
    openMisfit: open('{nonsense}.csv.gz'),
    full: window('2024-01-01', '2024-01-03'),
    rows: 200,
    empty: window('2023-01-01', '2023-01-03'),
    change: () => put(2, 3),
    break: () => truncateSync(path(2), statSync(path(2)).size - 20),
    [Symbol.asyncDispose]: async () => rmSync(folder, { recursive: true }),
  }
})
