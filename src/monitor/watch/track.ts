/** Milliseconds over which a rate is taken. */
const rateSpan = 60_000

/** What earlier looks have seen: a single one knows neither how fast something grows nor since when it stands still. */
export class Track {
  readonly #samples = new Map<string, { at: number; value: number }[]>()
  readonly #still = new Map<string, { signature: string; since: Date }>()

  /**
   * How much a value has grown a second, over the last minute of looks; undefined on the first. What becomes less (a chunk
   * begins anew) does not count.
   */
  rate(key: string, at: Date, value: number): number | undefined {
    const samples = this.#samples.get(key) ?? []
    this.#samples.set(key, samples)
    samples.push({ at: at.getTime(), value })
    while (samples.length > 2 && at.getTime() - (samples[1]?.at ?? 0) >= rateSpan) samples.shift()
    const [first] = samples
    if (!first || samples.length < 2 || at.getTime() === first.at) return undefined
    const grown = samples.reduce(
      (sum, one, n) => sum + Math.max(0, one.value - (samples[n - 1] ?? one).value),
      0,
    )
    return (grown * 1000) / (at.getTime() - first.at)
  }

  /**
   * Since when a signature is the same.
   *
   * @param known by the ledger: the last time that anything moved
   */
  stillSince(key: string, at: Date, signature: string, known: Date): Date {
    const last = this.#still.get(key)
    if (last?.signature === signature) return last.since
    const since = last ? at : known
    this.#still.set(key, { signature, since })
    return since
  }
}
