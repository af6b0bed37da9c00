import { mkdir, readdir, readFile, rm, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { toDwhError } from '../errors.ts'
import { writeDown } from './manifest.ts'

const attemptSchema = z.looseObject({
  format: z.literal('dwh-failed-backup/1'),
  /** The name that it would have had. */
  backup: z.string(),
  at: z.iso.datetime(),
  /** Of the error; KILLED where nobody was left to tell. */
  code: z.string(),
  message: z.string(),
  run: z.int().nullable(),
})

/** A backup that was not made. Its note lies beside the backups until one of the same series is made. */
export type FailedAttempt = z.infer<typeof attemptSchema>

/** Writes down that a backup failed; where not even that can be written, nothing can be done. */
export async function noteFailure(
  folder: string,
  backup: string,
  run: number | null,
  thrown: unknown,
): Promise<void> {
  const { code, message } = toDwhError(thrown)
  await note(folder, { backup, at: new Date().toISOString(), code, message, run }).catch(() => {})
}

/** Of one that left a folder without a manifest. */
export async function noteKilled(folder: string, backup: string): Promise<void> {
  const message = 'it was killed, or the machine went down'
  const at = timeOf(backup)?.toISOString() ?? new Date().toISOString()
  await note(folder, { backup, at, code: 'KILLED', message, run: null })
}

async function note(folder: string, attempt: Omit<FailedAttempt, 'format'>): Promise<void> {
  await mkdir(join(folder, 'failed'), { recursive: true, mode: 0o700 })
  const document = { format: 'dwh-failed-backup/1', ...attempt }
  await writeDown(join(folder, 'failed', `${attempt.backup}.json`), `${JSON.stringify(document, null, 2)}\n`)
}

/** Newest first. One that cannot be read counts too, with the time in its name. */
export async function failedAttempts(folder: string): Promise<FailedAttempt[]> {
  const names = await readdir(join(folder, 'failed')).catch(() => [])
  const attempts = await Promise.all(names.map((name) => readAttempt(folder, name.replace(/\.json$/, ''))))
  return attempts.toSorted((a, b) => (a.at < b.at ? 1 : -1))
}

async function readAttempt(folder: string, backup: string): Promise<FailedAttempt> {
  try {
    return attemptSchema.parse(JSON.parse(await readFile(join(folder, 'failed', `${backup}.json`), 'utf8')))
  } catch {
    const at = (timeOf(backup) ?? new Date()).toISOString()
    const message = 'its note cannot be read'
    return { format: 'dwh-failed-backup/1', backup, at, code: 'FAILED', message, run: null }
  }
}

/** After a backup of the same series has been made. */
export async function forgetFailures(folder: string, backup: string): Promise<void> {
  for (const attempt of await failedAttempts(folder)) {
    if (seriesOf(attempt.backup) === seriesOf(backup))
      await rm(join(folder, 'failed', `${attempt.backup}.json`), { force: true })
  }
  // Where none is left.
  await rmdir(join(folder, 'failed')).catch(() => {})
}

/** `sales-2026-11-22T10-00-00Z` → `sales`: backups of one series follow each other, and prune weighs them together. */
export function seriesOf(backup: string): string {
  return /^(.*)-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ$/.exec(backup)?.[1] ?? backup
}

function timeOf(backup: string): Date | undefined {
  const [, date, hours, minutes, seconds] = /-(\d{4}-\d\d-\d\d)T(\d\d)-(\d\d)-(\d\d)Z$/.exec(backup) ?? []
  if (date === undefined) return undefined
  const time = new Date(`${date}T${hours}:${minutes}:${seconds}Z`)
  return Number.isNaN(time.getTime()) ? undefined : time
}

/**
 * Notes the failure of everything that goes before the backup itself, such as connecting: for retention a backup that could
 * not be begun is one that was not made.
 */
export class Attempt {
  readonly #started = new Date().toISOString()
  readonly #folder: string
  readonly #series: string
  readonly #counts: boolean

  /** @param counts whether somebody relies on it */
  constructor({ folder, name }: { folder: string; name: string }, counts: boolean) {
    this.#folder = folder
    this.#series = name
    this.#counts = counts
  }

  async watch<T>(body: () => Promise<T>): Promise<T> {
    try {
      return await body()
    } catch (error) {
      if (this.#counts && !(await this.#isNoted())) {
        const time = this.#started.replace(/\.\d+Z$/, 'Z').replaceAll(':', '-')
        await noteFailure(this.#folder, `${this.#series}-${time}`, null, error)
      }
      throw error
    }
  }

  async #isNoted(): Promise<boolean> {
    const attempts = await failedAttempts(this.#folder)
    return attempts.some(({ backup, at }) => seriesOf(backup) === this.#series && at >= this.#started)
  }
}
