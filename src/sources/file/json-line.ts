import { copyBytes } from './json-binary.ts'
import type { Found } from './json-template.ts'
import type { Scratch } from './scratch.ts'

const [LF, QUOTE, COMMA] = [0x0a, 0x22, 0x2c]

/**
 * Writes columns of a record that a template has found as a line in the dialect of plain-csv.ts, behind its place where there is one:
 * between its quotes a text without escapes is a field of csv.
 *
 * @param length of the record
 */
export function writeLine(
  { values, groups }: Found,
  length: number,
  inputs: number[],
  place: number | undefined,
  into: Scratch,
): void {
  into.makeRoom((length + 1) * inputs.length + 24)
  const target = into.bytes
  let at = into.length
  if (place !== undefined) at += target.write(`${place},`, at, 'latin1')
  for (let n = 0; n < inputs.length; n++) {
    const group = groups[inputs[n] as number] as number
    if (n > 0) target[at++] = COMMA
    if (group === 0) continue
    const [text, token] = [values[group], values[group + 1]]
    if (text !== undefined) {
      target[at++] = QUOTE
      at = copyBytes(text, target, at)
      target[at++] = QUOTE
    } else if (token !== 'null') at = copyBytes(token as string, target, at)
  }
  target[at++] = LF
  into.length = at
}
