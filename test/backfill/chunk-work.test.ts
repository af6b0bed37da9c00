import { expect, test } from 'vitest'
import { ChunkWork } from '../../src/backfill/chunk-work.ts'
import { quietWork } from '../support/work.ts'

test('rows are counted while they are fetched, and not from nothing again while they are loaded', () => {
  const work = new ChunkWork(quietWork(), new AbortController().signal, 'measure/piezo')
  const rowsAfter = (step: string, done: number, total: number, rows?: number) => {
    const unit = rows === undefined ? ('rows' as const) : ('bytes' as const)
    work.emit({ type: 'progress', step, done, total, unit, ...(rows === undefined ? {} : { rows }) })
    return work.progress.rows
  }
  work.emit({ type: 'step', step: 'fetch', state: 'started' })
  expect([rowsAfter('fetch', 100, 310), rowsAfter('fetch', 310, 310)]).toEqual([100, 310])
  // Pages that do not fit together are read again.
  expect(rowsAfter('fetch', 200, 310)).toBe(200)
  expect(rowsAfter('fetch', 310, 310)).toBe(310)
  work.emit({ type: 'step', step: 'send', state: 'started' })
  expect([rowsAfter('send', 10, 5000, 3), rowsAfter('send', 5000, 5000, 310)]).toEqual([310, 310])
  expect(work.progress).toMatchObject({ step: 'load', done: 5000, total: 5000 })
})
