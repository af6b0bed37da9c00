/** One statement of a script. */
export interface ScriptStatement {
  /** Where its first word begins, in UTF-16 units. */
  start: number
  /** Where its semicolon stands, or the script ends. */
  end: number
  /** Its bare words in upper case: no strings, comments, quoted names or bodies of functions. */
  words: string[]
  /** It ends in a semicolon of its own. */
  terminated: boolean
}

const token = new RegExp(
  [
    String.raw`(?<space>\s+|--[^\n]*)`,
    String.raw`(?<comment>/\*)`,
    String.raw`(?<escaped>[eE]'[^'\\]*(?:(?:\\[\s\S]|'')[^'\\]*)*'?)`,
    `(?<quoted>'[^']*(?:''[^']*)*'?|"[^"]*(?:""[^"]*)*"?)`,
    String.raw`(?<dollar>\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$)`,
    String.raw`(?<word>[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*)`,
    String.raw`(?<other>[\s\S])`,
  ].join('|'),
  'y',
)

/** A piece of a script: a string or a comment is one, with all that is in it. */
export interface Token {
  kind: 'space' | 'comment' | 'escaped' | 'quoted' | 'dollar' | 'word' | 'other'
  text: string
  /** Where it begins, in UTF-16 units. */
  start: number
}

/** Cuts a script into tokens, none left out; what PostgreSQL would refuse comes out somehow. */
export function* scriptTokens(script: string): Generator<Token, void, undefined> {
  for (let at = 0; at < script.length; ) {
    token.lastIndex = at
    const { 0: text, groups = {} } = token.exec(script) as RegExpExecArray
    const start = at
    at = endOf(script, at, text, groups)
    const kind = Object.keys(groups).find((name) => groups[name] !== undefined) as Token['kind']
    yield { kind, text: script.slice(start, at), start }
  }
}

/**
 * Tells the statements of an SQL script apart as psql does: by semicolons outside of strings, comments, parentheses and
 * `BEGIN ATOMIC` bodies. Nothing is judged; what PostgreSQL would refuse comes out somehow.
 */
export function scriptStatements(script: string): ScriptStatement[] {
  const statements: ScriptStatement[] = []
  let current: ScriptStatement | undefined
  let parentheses = 0
  let blocks = 0
  for (const { kind, text, start } of scriptTokens(script)) {
    if (kind === 'space' || kind === 'comment') continue
    if (text === ';' && parentheses === 0 && blocks === 0) {
      if (current) Object.assign(current, { terminated: true, end: start })
      current = undefined
      continue
    }
    if (!current) {
      current = { start, end: script.length, words: [], terminated: false }
      statements.push(current)
      parentheses = 0
    }
    if (text === '(') parentheses++
    if (text === ')') parentheses = Math.max(0, parentheses - 1)
    if (kind !== 'word') continue
    const word = text.toUpperCase()
    if (word === 'ATOMIC' && current.words.at(-1) === 'BEGIN') blocks++
    if (blocks > 0 && word === 'CASE') blocks++
    if (blocks > 0 && word === 'END') blocks--
    current.words.push(word)
  }
  return statements
}

/** Where a token ends; comments nest, and a dollar quote runs to its own tag. */
function endOf(script: string, at: number, text: string, groups: Record<string, string | undefined>): number {
  if (groups.dollar) {
    const close = script.indexOf(text, at + text.length)
    return close < 0 ? script.length : close + text.length
  }
  if (!groups.comment) return at + text.length
  let depth = 1
  const mark = /\/\*|\*\//g
  mark.lastIndex = at + 2
  while (depth > 0) {
    const found = mark.exec(script)
    if (!found) return script.length
    depth += found[0] === '/*' ? 1 : -1
  }
  return mark.lastIndex
}
