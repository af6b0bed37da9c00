/**
 * The time now as a part of names in a database, such as `20261122t141718`.
 *
 * @param taken by others: of two within one second the later gets the next one
 */
export function nameStamp(taken: string[] = []): string {
  for (let at = Date.now(); ; at += 1000) {
    const stamp = new Date(at)
      .toISOString()
      .replace(/[-:]|\.\d+Z$/g, '')
      .toLowerCase()
    if (!taken.includes(stamp)) return stamp
  }
}
