import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'

/** What of a receipt counts for the backup that it is about; a receipt says more. */
const receiptSchema = z.looseObject({
  at: z.iso.datetime(),
  /** It was restored, and everything that was compared is equal. */
  ok: z.boolean(),
})

export type DrillReceipt = z.infer<typeof receiptSchema>

/** The drills of a backup, newest first: each has a receipt in `drills/<backup>/`. Unreadable ones prove nothing. */
export async function drillsOf(folder: string, backup: string): Promise<DrillReceipt[]> {
  const place = join(folder, 'drills', backup)
  const names = (await readdir(place).catch(() => [])).filter((name) => name.endsWith('.json'))
  const receipts = await Promise.all(names.map((name) => readReceipt(join(place, name))))
  return receipts.filter((receipt) => receipt !== undefined).toSorted((a, b) => (a.at < b.at ? 1 : -1))
}

async function readReceipt(path: string): Promise<DrillReceipt | undefined> {
  try {
    return receiptSchema.parse(JSON.parse(await readFile(path, 'utf8')))
  } catch {
    return undefined
  }
}
