import { Temporal } from 'temporal-polyfill'
import type { Wish } from '../../src/sources/window.ts'

/** All rows of a window in UTC. */
export function wish(from: string, to: string, parameters: Record<string, string> = {}): Wish {
  return {
    window: { from: Temporal.PlainDate.from(from), to: Temporal.PlainDate.from(to), zone: 'UTC' },
    parameters,
  }
}
