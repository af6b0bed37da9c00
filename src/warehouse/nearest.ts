/**
 * The one of some words that was most likely meant, for "did you mean …?".
 *
 * @returns undefined when even the nearest differs in more than a third of its letters
 */
export function nearest(typed: string, words: Iterable<string>): string | undefined {
  let best: { word: string; distance: number } | undefined
  for (const word of words) {
    const distance = editDistance(typed.toLowerCase(), word.toLowerCase())
    const most = Math.floor(Math.max(typed.length, word.length) / 3)
    if (distance <= most && distance < (best?.distance ?? Number.POSITIVE_INFINITY)) best = { word, distance }
  }
  return best?.word
}

/** `; did you mean grain?` or nothing. */
export function didYouMean(typed: string, words: Iterable<string>): string {
  const word = nearest(typed, words)
  return word === undefined ? '' : `; did you mean ${word}?`
}

/** Insertions, deletions, replacements and swaps of neighbours (Damerau's restricted distance). */
function editDistance(a: string, b: string): number {
  let before: number[] = []
  let above = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1]
      const swapped = a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]
      current[column] = Math.min(
        (above[column] as number) + 1,
        (current[column - 1] as number) + 1,
        (above[column - 1] as number) + (same ? 0 : 1),
        swapped ? (before[column - 2] as number) + 1 : Number.POSITIVE_INFINITY,
      )
    }
    before = above
    above = current
  }
  return above[b.length] as number
}
