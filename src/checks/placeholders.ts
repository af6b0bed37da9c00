import { scriptTokens, type Token } from '../postgres/statements.ts'

/** A statement with SQL in the place of its `:names`. */
export interface Filled {
  text: string
  /** Where a character of `text` stands in the original; both are counted from 1, in characters as PostgreSQL counts. */
  original(position: number): number
}

/** A `:name`, as psql knows it. */
export interface Placeholder {
  name: string
  /** Where its colon stands, in UTF-16 units. */
  start: number
}

/** The `:names` of a statement, but not `::casts`, slices `[1:n]`, and what stands in strings and comments. */
export function placeholdersOf(sql: string): Placeholder[] {
  const tokens = [...scriptTokens(sql)]
  return tokens.flatMap((token, index) => {
    const next = tokens[index + 1]
    if (token.text !== ':' || next?.kind !== 'word' || endsOperand(tokens[index - 1])) return []
    return [{ name: next.text, start: token.start }]
  })
}

/** Behind which a colon means something else: a cast, the upper bound of a slice. */
function endsOperand(before: Token | undefined): boolean {
  return before !== undefined && (before.kind === 'word' || /^[:\d\])]$/.test(before.text))
}

/** @param values SQL by name, for every placeholder of the statement */
export function fillPlaceholders(sql: string, values: Record<string, string>): Filled {
  const pieces: { start: number; end: number; text: string }[] = []
  let done = 0
  for (const { name, start } of placeholdersOf(sql)) {
    const end = start + 1 + name.length
    pieces.push({ start: done, end: start, text: sql.slice(done, start) })
    pieces.push({ start, end, text: values[name] as string })
    done = end
  }
  pieces.push({ start: done, end: sql.length, text: sql.slice(done) })
  return {
    text: pieces.map(({ text }) => text).join(''),
    original(position) {
      let left = position - 1
      for (const { start, end, text } of pieces) {
        const length = [...text].length
        if (left < length) {
          const isValue = text !== sql.slice(start, end)
          const before = [...sql.slice(0, start)].length
          return before + (isValue ? 0 : left) + 1
        }
        left -= length
      }
      return [...sql].length + 1
    },
  }
}
