import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)

/** The columns that a text without control characters takes on a terminal. */
export function textWidth(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length
  // Its tables of characters are a tenth of the start of a short command, most of which show none but these.
  const { default: stringWidth } = require('string-width') as typeof import('string-width')
  return stringWidth(text)
}
