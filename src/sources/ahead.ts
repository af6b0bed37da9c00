/**
 * Does something for each of some items, several at a time, and gives the results in their order. Whoever stops early, or meets
 * an error, waits until what was begun has ended.
 */
export async function* ahead<Item, Result>(
  items: Iterable<Item>,
  atOnce: number,
  work: (item: Item) => Promise<Result>,
): AsyncGenerator<Result> {
  const begun: Promise<Result>[] = []
  try {
    for (const item of items) {
      const result = work(item)
      // Its error is thrown where it is awaited.
      result.catch(() => {})
      begun.push(result)
      if (begun.length >= atOnce) yield await (begun.shift() as Promise<Result>)
    }
    while (begun.length > 0) yield await (begun.shift() as Promise<Result>)
  } finally {
    await Promise.allSettled(begun)
  }
}
