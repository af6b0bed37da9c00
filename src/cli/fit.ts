import { textWidth } from '../text-width.ts'
import { printable } from './format.ts'

/** A part of a line: its text, and how it is painted once its width is known. */
export type Span = string | { text: string; paint: (text: string) => string }

const segments = new Intl.Segmenter('en', { granularity: 'grapheme' })

/** Cuts a text to columns of a terminal, wide characters counted as two; what is missing is told by an ellipsis. */
export function cut(text: string, columns: number): string {
  if (textWidth(text) <= columns) return text
  if (columns <= 0) return ''
  let shown = ''
  let width = 0
  for (const { segment } of segments.segment(text)) {
    width += textWidth(segment)
    if (width > columns - 1) break
    shown += segment
  }
  return `${shown}…`
}

/** One line of a screen, however hostile its texts and however narrow it is. */
export function fitLine(spans: Span[], columns: number): string {
  let left = columns
  let line = ''
  for (const span of spans) {
    if (left <= 0) break
    const shown = cut(printable(typeof span === 'string' ? span : span.text), left)
    left -= textWidth(shown)
    line += typeof span === 'string' ? shown : span.paint(shown)
  }
  return line
}
