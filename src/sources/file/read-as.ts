import type { Input } from './find.ts'
import type { ReadOptions } from './reader.ts'

/** The same input, read as its source says whatever else is asked for. */
export function readAs(input: Input, reading: ReadOptions): Input {
  return {
    ...input,
    open: (options) => input.open({ ...options, ...reading }),
    [Symbol.asyncDispose]: () => input[Symbol.asyncDispose](),
  }
}
