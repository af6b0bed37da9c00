import { toDwhError } from '../errors.ts'
import type { Stream } from './streams.ts'

/** Tells an error on stderr (what happened, what to type next) and returns the exit code it stands for. */
export function tellFailure({ write, paint }: Stream, thrown: unknown, debug: boolean): number {
  const error = toDwhError(thrown)
  write(`${paint.red.bold('error')} ${paint.dim(error.code)} ${error.message}\n`)
  if (error.hint) write(`${paint.cyan('hint')}  ${error.hint}\n`)
  if (debug) for (const one of causes(error)) write(`${paint.dim(one.stack ?? String(one))}\n`)
  return error.exit
}

function causes(error: Error): Error[] {
  return error.cause instanceof Error ? [error, ...causes(error.cause)] : [error]
}
