import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import type { Account } from '../../../postgres/server/account.ts'
import { writeOwned } from '../../../postgres/server/folder.ts'

/** What a folder holds: by it an interrupted restore is told from a folder of somebody else's. */
const journalSchema = z.strictObject({
  format: z.literal('dwh-physical-restore/1'),
  repository: z.string(),
  stanza: z.string(),
  backup: z.string(),
  end: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('time'), at: z.string() }),
    z.strictObject({ kind: z.literal('backup') }),
    z.strictObject({ kind: z.literal('archive') }),
  ]),
  state: z.enum(['restoring', 'restored']),
  /** Of the dwh that restores or restored, on this machine. */
  pid: z.int(),
})

export type Journal = z.infer<typeof journalSchema>

const fileOf = (folder: string) => join(folder, 'restore.json')

/** The journal of a restore in this folder; undefined where there is none that can be read. */
export function readJournal(folder: string): Journal | undefined {
  const file = fileOf(folder)
  if (!existsSync(file)) return undefined
  try {
    return journalSchema.safeParse(JSON.parse(readFileSync(file, 'utf8'))).data
  } catch {
    return undefined
  }
}

export function writeJournal(folder: string, journal: Journal, account: Account | undefined): void {
  writeOwned(fileOf(folder), `${JSON.stringify(journal, null, 2)}\n`, account)
}
