import { type Stats, statSync } from 'node:fs'
import { relative } from 'node:path'

/** What lies at a path; undefined for nothing, and for whatever cannot be looked at. */
export function lookAt(path: string): Stats | undefined {
  try {
    return statSync(path)
  } catch {
    return undefined
  }
}

/** A path as people read it: from the current folder where it lies below. */
export function fileForPeople(path: string): string {
  const fromHere = relative(process.cwd(), path)
  return fromHere.startsWith('..') ? path : fromHere
}
