/**
 * The words of a command as a shell would cut them: at white space, unless it stands in quotes or behind a backslash. Nothing is
 * expanded.
 *
 * @returns undefined where a quote is not closed
 */
export function splitWords(text: string): string[] | undefined {
  const words: string[] = []
  let word: string | undefined
  let quote: string | undefined
  for (let at = 0; at < text.length; at++) {
    const sign = text[at] as string
    if (quote) {
      if (sign === quote) quote = undefined
      else word = (word ?? '') + sign
    } else if (sign === '"' || sign === "'") {
      quote = sign
      word ??= ''
    } else if (sign === '\\' && at + 1 < text.length) {
      at += 1
      word = (word ?? '') + text[at]
    } else if (/\s/.test(sign)) {
      if (word !== undefined) words.push(word)
      word = undefined
    } else word = (word ?? '') + sign
  }
  if (quote) return undefined
  return word === undefined ? words : [...words, word]
}
