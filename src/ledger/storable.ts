/**
 * Text as PostgreSQL can keep it, in text and in jsonb: without NUL, which is spelt out, and without halves of surrogate
 * pairs. What is told of a broken input may quote both.
 */
export function storable(text: string): string {
  return text.replaceAll('\0', '\\x00').toWellFormed()
}
