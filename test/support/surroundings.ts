import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Politeness, Surroundings } from '../../src/sources/source.ts'

/** What a source of a test stands in, held with `await using`. */
export interface TestSurroundings extends Surroundings, AsyncDisposable {
  /** Names of what lies in the spool. */
  spooled(): string[]
  /** What hosts have asked for, in seconds. */
  holds: { host: string; seconds: number; reason: string }[]
}

/** @param more such as `environment` */
export function surroundings(more: Partial<Surroundings> = {}): TestSurroundings {
  const folder = mkdtempSync(join(tmpdir(), 'dwh-source-'))
  const named = (name: string) => {
    const path = join(folder, name)
    mkdirSync(path)
    return path
  }
  const spoolFolder = named('spool')
  const holds: TestSurroundings['holds'] = []
  return {
    folder,
    sqlFolder: named('sql'),
    spoolFolder,
    cacheFolder: named('cache'),
    environment: {},
    politeness: impolite(holds),
    ...more,
    holds,
    spooled: () => readdirSync(spoolFolder),
    [Symbol.asyncDispose]: async () => rmSync(folder, { recursive: true }),
  }
}

/** Lets everybody ask at once: what waits for hosts has tests of its own. */
function impolite(holds: TestSurroundings['holds']): Politeness {
  return {
    turn: async () => ({ [Symbol.asyncDispose]: async () => {} }),
    hold: async (host, seconds, reason) => void holds.push({ host, seconds, reason }),
  }
}
