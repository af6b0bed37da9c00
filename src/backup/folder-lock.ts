import { randomUUID } from 'node:crypto'
import { constants, readFileSync, readlinkSync } from 'node:fs'
import { open, readFile, rm, stat } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { DwhError } from '../errors.ts'
import { isAlive } from '../postgres/server/postmaster.ts'

/** Seconds between two signs of life, and without one until a lock counts as abandoned. */
const heartbeat = 10
const patience = 60

const holderSchema = z.object({
  /** One for each taking. */
  token: z.string(),
  host: z.string(),
  /** The machine and the container in which the pid means something. */
  pids: z.string(),
  pid: z.number(),
  command: z.string(),
  run: z.number().nullable(),
  since: z.string(),
})

type Holder = z.infer<typeof holderSchema>

/** The right to write into a folder of backups, held with `await using`: a file there, which grows while its holder lives. */
export class FolderLock implements AsyncDisposable {
  readonly #path: string
  readonly #token: string
  readonly #timer: NodeJS.Timeout

  private constructor(path: string, token: string) {
    this.#path = path
    this.#token = token
    // Where it cannot be written `check` will tell.
    this.#timer = setInterval(() => void this.#giveSign().catch(() => {}), heartbeat * 1000)
    this.#timer.unref()
  }

  /**
   * @param folder of backups, which must be there
   * @param command for whoever finds it taken
   * @throws DwhError LOCK_HELD
   */
  static async take(folder: string, command: string, run: number | null): Promise<FolderLock> {
    const path = join(folder, '.lock')
    const holder: Holder = {
      token: randomUUID(),
      host: hostname(),
      pids: pidSpace(),
      pid: process.pid,
      command,
      run,
      since: new Date().toISOString(),
    }
    while (!(await create(path, `${JSON.stringify(holder, null, 2)}\n`))) await removeAbandoned(path)
    return new FolderLock(path, holder.token)
  }

  /**
   * Before what is done under the lock becomes visible: whoever stood still for a minute may have lost it.
   *
   * @throws DwhError LEASE_LOST
   */
  async check(): Promise<void> {
    if (await this.#isOurs()) return
    throw new DwhError(
      'LEASE_LOST',
      'another one took over the folder of backups, after a minute without a sign of life',
      { hint: 'run the same command again' },
    )
  }

  /** One more line: the clock of whoever keeps the files then says when, and no clock of another machine counts. */
  async #giveSign(): Promise<void> {
    if (!(await this.#isOurs())) return
    await using file = await open(this.#path, constants.O_WRONLY | constants.O_APPEND)
    await file.write('\n')
  }

  async #isOurs(): Promise<boolean> {
    return (await readHolder(this.#path))?.token === this.#token
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer)
    if (await this.#isOurs()) await rm(this.#path, { force: true })
  }
}

/** One at a time judges whether a lock is abandoned, or the slower of two would remove the lock of the quicker. */
async function removeAbandoned(path: string): Promise<void> {
  const judging = `${path}-judging`
  // That takes milliseconds: what is still there after a second was left by one that died.
  for (let attempt = 0; !(await create(judging, '')); attempt++) {
    if (attempt === 20) await rm(judging, { force: true })
    await sleep(50)
  }
  try {
    const holder = await readHolder(path)
    const touched = await modified(path)
    if (touched === undefined) return
    const isDead = holder?.host === hostname() && holder.pids === pidSpace() && !isAlive(holder.pid)
    const quiet = ((await modified(judging)) ?? 0) - touched
    if (!isDead && quiet < patience * 1000) throw held(path, holder)
    await rm(path, { force: true })
  } finally {
    await rm(judging, { force: true })
  }
}

/** By the clock of whoever keeps the files, in milliseconds; undefined where it is not there. */
async function modified(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).mtimeMs
  } catch {
    return undefined
  }
}

function held(path: string, holder: Holder | undefined): DwhError {
  const { host, pid, command, run, since } = holder ?? {}
  const who = holder
    ? `${command}${run ? ` (run ${run})` : ''}, process ${pid} of ${host}, since ${since}`
    : 'by somebody who has just come'
  return new DwhError('LOCK_HELD', `the folder of backups is at work already: ${who}; nothing was changed`, {
    hint: `wait for it; if it has died, ${path} counts no more after a minute`,
  })
}

/** Undefined where there is none, or none that is whole yet. */
async function readHolder(path: string): Promise<Holder | undefined> {
  try {
    return holderSchema.parse(JSON.parse(await readFile(path, 'utf8')))
  } catch {
    return undefined
  }
}

/** Makes a file that is not there yet; false where it is. */
async function create(path: string, text: string): Promise<boolean> {
  try {
    await using file = await open(path, 'wx', 0o600)
    await file.writeFile(text)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/** A pid says something only in its container, and until the machine starts anew. Empty where the system does not tell. */
function pidSpace(): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    return `${boot} ${readlinkSync('/proc/self/ns/pid')}`
  } catch {
    return ''
  }
}
