import { createInterface } from 'node:readline/promises'
import { DwhError } from '../errors.ts'
import { slotOfEnvironment } from './slot.ts'
import type { Streams } from './streams.ts'

/**
 * Asks before data is changed.
 *
 * @param hasDryRun the command has the flag that stops after the plan
 * @returns whether the user said yes
 * @throws DwhError NEEDS_CONFIRMATION when nobody can be asked and --yes was not given
 */
export async function confirm(
  streams: Streams,
  question: string,
  yes: boolean,
  signal: AbortSignal,
  hasDryRun: boolean,
): Promise<boolean> {
  // What stands in the schedule of the warehouse file was said yes to there.
  if (yes || slotOfEnvironment()) return true
  if (!streams.interactive) {
    throw new DwhError(
      'NEEDS_CONFIRMATION',
      'this changes data and there is no terminal to ask on; nothing was changed',
      {
        hint: hasDryRun ? 'add --yes to go on, or --dry-run to see the plan' : 'add --yes to go on',
      },
    )
  }
  using lines = createInterface({ input: process.stdin, output: process.stderr })
  const answer = await lines.question(`${question} [y/N] `, { signal })
  return /^\s*(y|yes|o|oui)\s*$/i.test(answer)
}
