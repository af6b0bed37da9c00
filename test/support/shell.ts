/** A command line of `dwh` as it stands in the documentation. */
export interface Typed {
  /** What was typed behind `dwh`. */
  words: string[]
  /** For messages: the line, and where it stands. */
  line: string
}

/**
 * The calls of `dwh` in a line of shell: behind pipes, in `$(…)`, after assignments of variables. Quotes are
 * understood; nothing is run.
 */
export function dwhCalls(line: string): Typed[] {
  return line
    .replace(/\s#\s.*$/, '')
    .split(/\|\|?|&&|;(?=(?:[^"']|"[^"]*"|'[^']*')*$)|\$\(|>|\)/)
    .flatMap((part) => {
      const words = [...part.matchAll(/(?:[^\s"']|"[^"]*"|'[^']*')+/g)].map(([word]) =>
        word.replace(/["']/g, ''),
      )
      while (/^(?:[A-Z_]+=.*|npx)$/.test(words[0] ?? '')) words.shift()
      return words[0] === 'dwh' ? [{ words: words.slice(1), line }] : []
    })
}
