import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { syncPath } from '../files.ts'
import { writeDown } from '../manifest.ts'

/** Who has been drilled how: everything that a later reader may ask of a drill. */
export interface Receipt {
  format: 'dwh-drill/1'
  backup: string
  /** SHA-256 of its manifest. */
  manifest: string
  /** When it began. */
  at: string
  /** It was restored, and everything that was compared is equal. */
  ok: boolean
  seconds: number
  /** Until the first query could be answered: rows, indexes and constraints are in, statistics gathered. */
  ready_seconds: number | null
  server: { kind: 'database' | 'scratch'; version: number }
  dwh_version: string
  /** Of pg_restore. */
  tool_version: string
  /** Tables of the backup, how many of them were restored and compared, and their bytes in the server. */
  tables: number
  drilled: number
  bytes: number
  compared: { schema: string; name: string; rows: number | null; by: 'hash' | 'count' | 'none' }[]
  /** Null where the extension cannot be had. */
  amcheck: { tables: number; indexes: number } | null
  /** In words. */
  differences: string[]
}

/** What is read of the receipts of others, which may be older. */
const earlierSchema = z.looseObject({
  at: z.iso.datetime(),
  ok: z.boolean(),
  seconds: z.number().optional(),
  bytes: z.number().optional(),
  compared: z.array(z.looseObject({ schema: z.string(), name: z.string() })).default([]),
})

export type EarlierDrill = z.infer<typeof earlierSchema>

/** A scratch database of a drill that is at work, or was killed: written before it is made. */
const runningSchema = z.object({
  database: z.string(),
  system_identifier: z.string().nullable(),
  host: z.string(),
  port: z.int(),
})

export type RunningDrill = z.infer<typeof runningSchema> & { path: string }

const nameOf = (at: string) => at.replace(/[:.]/g, '-')

/** @returns its path, on the disk when this returns */
export async function writeReceipt(folder: string, receipt: Receipt): Promise<string> {
  const place = join(folder, 'drills', receipt.backup)
  await mkdir(place, { recursive: true, mode: 0o700 })
  const path = join(place, `${nameOf(receipt.at)}.json`)
  await writeDown(`${path}.new`, `${JSON.stringify(receipt, null, 2)}\n`)
  await rename(`${path}.new`, path)
  await syncPath(place)
  return path
}

/** Of all backups in a folder, newest first; unreadable ones tell nothing. */
export async function earlierDrills(folder: string): Promise<EarlierDrill[]> {
  const found: EarlierDrill[] = []
  for (const path of await drillFiles(folder, '.json')) {
    const read = earlierSchema.safeParse(await readJson(path))
    if (read.success) found.push(read.data)
  }
  return found.toSorted((a, b) => (a.at < b.at ? 1 : -1))
}

export async function noteRunning(
  folder: string,
  backup: string,
  at: string,
  running: Omit<RunningDrill, 'path'>,
): Promise<string> {
  const place = join(folder, 'drills', backup)
  await mkdir(place, { recursive: true, mode: 0o700 })
  const path = join(place, `${nameOf(at)}.running`)
  await writeDown(path, `${JSON.stringify(running)}\n`)
  await syncPath(place)
  return path
}

export async function runningDrills(folder: string): Promise<RunningDrill[]> {
  const found: RunningDrill[] = []
  for (const path of await drillFiles(folder, '.running')) {
    const read = runningSchema.safeParse(await readJson(path))
    if (read.success) found.push({ ...read.data, path })
    // Cut off while it was written: nothing was made yet.
    else await rm(path, { force: true })
  }
  return found
}

async function drillFiles(folder: string, ending: string): Promise<string[]> {
  const parent = join(folder, 'drills')
  const names = await readdir(parent, { recursive: true }).catch((error) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  return names.filter((name) => name.endsWith(ending)).map((name) => join(parent, name))
}

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'))
  } catch {
    return undefined
  }
}
