/** Estimates of what is free may err, and err the same way again. */
const noise = 0.1

/**
 * Whether an estimate says no more than it said right after everything was written anew: then there is nothing to gain, and
 * without this it would be written anew every month.
 */
export function isAsRebuilt(share: number, atBest: number | null | undefined): boolean {
  return atBest !== null && atBest !== undefined && share < atBest + noise
}

export const dayOf = (date: Date) => date.toISOString().slice(0, 10)
