import { join } from 'node:path'
import { packageRoot } from '../../src/package.ts'
import type { ClockJump } from './jump-clock.ts'

/** The environment of a `dwh` whose clock begins at the first instant, and jumps to the others. */
export function jumpingClock(jumps: ClockJump[]): Record<string, string> {
  return {
    DWH_TEST_CLOCK: JSON.stringify(jumps),
    NODE_OPTIONS: `--import ${join(packageRoot, 'test', 'support', 'jump-clock.ts')}`,
  }
}
