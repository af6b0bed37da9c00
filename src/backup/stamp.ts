/** The time now as a part of names in a database, such as `20261122t141718`. */
export function nameStamp(): string {
  return new Date()
    .toISOString()
    .replace(/[-:]|\.\d+Z$/g, '')
    .toLowerCase()
}
