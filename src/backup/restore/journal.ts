import { mkdir, readdir, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { DwhError } from '../../errors.ts'
import { syncPath } from '../files.ts'
import { writeDown } from '../manifest.ts'

/** How far a restore has come, in this order; `undone` and `finished` end it. */
export const phases = ['planned', 'structure', 'data', 'proved', 'exchanged', 'undone', 'finished'] as const
export type Phase = (typeof phases)[number]

const database = z.strictObject({ name: z.string(), oid: z.int().nullable() })

const journalSchema = z.strictObject({
  format: z.literal('dwh-restore/1'),
  id: z.string(),
  /** Name of the backup, and the hash of its manifest: one that was edited since is another one. */
  backup: z.string(),
  manifest: z.string(),
  /** The identifier of the cluster, null where it may not be asked for; host and port are for people. */
  server: z.strictObject({ system_identifier: z.string().nullable(), host: z.string(), port: z.int() }),
  /** The database that it is to be exchanged for; null where it is kept beside. */
  live: database.nullable(),
  /** The database that is made. */
  into: database,
  /** What the live one is called after the exchange; null before, and where there was none. */
  kept: database.nullable(),
  phase: z.enum(phases),
  /** When it needed the backup no more; null while it may be resumed. */
  ended_at: z.iso.datetime().nullable(),
  phases: z.array(z.strictObject({ phase: z.enum(phases), at: z.iso.datetime() })),
})

type Written = z.infer<typeof journalSchema>

/** One restore as its file in `restores/` tells it: what a rerun, --undo and --finish go by. */
export class Journal {
  readonly path: string
  #written: Written

  private constructor(path: string, written: Written) {
    this.path = path
    this.#written = written
  }

  get state(): Readonly<Written> {
    return this.#written
  }

  /** @param folder of backups */
  static async open(
    folder: string,
    start: Omit<Written, 'format' | 'phase' | 'phases' | 'kept' | 'ended_at'>,
  ): Promise<Journal> {
    const parent = join(folder, 'restores')
    await mkdir(parent, { recursive: true, mode: 0o700 })
    const journal = new Journal(join(parent, `${start.id}.json`), {
      format: 'dwh-restore/1',
      ...start,
      kept: null,
      phase: 'planned',
      ended_at: null,
      phases: [],
    })
    await journal.reach('planned')
    return journal
  }

  /** Of a folder of backups, newest first. */
  static async list(folder: string): Promise<Journal[]> {
    const parent = join(folder, 'restores')
    const names = await readdir(parent).catch((error) => {
      if (error.code === 'ENOENT') return []
      throw error
    })
    const journals = names.filter((name) => name.endsWith('.json')).map((name) => read(join(parent, name)))
    return (await Promise.all(journals)).toSorted((a, b) => (startOf(a) < startOf(b) ? 1 : -1))

    async function read(path: string): Promise<Journal> {
      try {
        return new Journal(path, journalSchema.parse(JSON.parse(await readFile(path, 'utf8'))))
      } catch (error) {
        throw new DwhError(
          'INPUT_BROKEN',
          `${path} is no journal of a restore: ${error instanceof Error ? error.message : error}`,
          {
            hint: 'move it aside, and look for what that restore has left: psql -l',
          },
        )
      }
    }
  }

  has(phase: Phase): boolean {
    return phases.indexOf(this.#written.phase) >= phases.indexOf(phase)
  }

  /** Writes down that a phase is done; on the disk when this returns. */
  async reach(phase: Phase, changes: Partial<Pick<Written, 'live' | 'into' | 'kept'>> = {}): Promise<void> {
    const at = new Date().toISOString()
    const last = this.#written.live === null ? 'proved' : 'exchanged'
    const ended_at = phases.indexOf(phase) >= phases.indexOf(last) ? (this.#written.ended_at ?? at) : null
    const history = [...this.#written.phases, { phase, at }]
    const written: Written = { ...this.#written, ...changes, phase, ended_at, phases: history }
    await writeDown(`${this.path}.new`, `${JSON.stringify(written, null, 2)}\n`)
    await rename(`${this.path}.new`, this.path)
    await syncPath(join(this.path, '..'))
    this.#written = written
  }
}

const startOf = ({ state }: Journal) => state.phases[0]?.at ?? ''
