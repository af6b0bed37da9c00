import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { stringify } from 'yaml'
import { packageRoot } from '../../../src/package.ts'
import type { Session } from '../../../src/postgres/session.ts'
import type { Figures, Stage, Unit, Way } from '../bench.ts'
import { clientEnvironment, cloneDatabase, database } from '../database.ts'

export const slots = 'slots'
/** A slot has to be claimed within a second: here is one. */
const unit: Unit = { work: slots, way: 'one second, slept' }

const count = 200
const daemons = 5
/** Milliseconds between due times, on the average: each starts a program, and what is measured is not how many a machine can start. */
const every = 1000
/** Milliseconds between a kill, or a pause of some seconds that may outlast the lease, and the next. */
const trouble = 4000

const names = Array.from({ length: count }, (_, index) => `j${index + 1}`)

/** Each job does something of its own that its run tells: whoever does it twice is found. */
const warehouse = {
  name: 'bench',
  schedule: {
    jobs: Object.fromEntries(
      names.map((name) => [
        name,
        { cron: '0 0 1 1 *', late_after: '10 min', run: [`schedule pause ${name}`] },
      ]),
    ),
  },
}

/** 200 slots for 5 daemons that are killed and stopped at random: how long the one that waited longest has waited. */
export async function slotsWays({ server, held, say }: Stage): Promise<Way[]> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-'))
  held.defer(() => rmSync(folder, { recursive: true }))
  writeFileSync(join(folder, 'dwh.yaml'), stringify(warehouse))
  const env = { ...clientEnvironment(server), DWH_STATE_DIR: join(folder, 'state') }
  let figures: Figures | undefined
  return [
    {
      ...{ work: slots, way: unit.way, unit },
      async prepare() {},
      async run() {
        await sleep(1000)
        return {}
      },
    },
    {
      ...{ work: slots, way: 'dwh', unit, bar: 1 },
      async prepare() {},
      // 200 slots are rounds enough.
      run: async () => (figures ??= await measure()),
    },
  ]

  async function measure(): Promise<Figures> {
    await cloneDatabase(server, 'template1')
    await using crew = new Crew(folder, env)
    await using session = await server.open(database)
    await crew.fill()
    await until(session, `SELECT to_regclass('dwh.jobs') IS NOT NULL`)
    await until(session, `SELECT count(*) = ${count} FROM dwh.jobs`)
    const stop = new AbortController()
    const troubled = crew.trouble(stop.signal)
    for (const name of shuffled(names)) {
      await session.run(
        `INSERT INTO dwh.slots (warehouse, job, due_at, planned_at) VALUES ('bench', $1, clock_timestamp(), clock_timestamp())`,
        [name],
      )
      await sleep(every * 2 * Math.random())
    }
    stop.abort()
    await troubled
    await until(session, 'SELECT count(*) = 0 FROM dwh.slots WHERE ended_at IS NULL')
    return await judge(session, say)
  }
}

async function judge(session: Session, say: (line: string) => void): Promise<Figures> {
  const found = await session.one<Record<string, number>>(`
    SELECT count(*) AS slots, count(*) FILTER (WHERE outcome = 'ran' AND exit_code = 0) AS well, sum(attempts - 1) AS again,
           max(extract(epoch FROM started_at - due_at))::float8 AS worst,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM started_at - due_at)::float8) AS middle,
           count(*) FILTER (WHERE started_at > due_at + interval '1 second') AS slow
      FROM dwh.slots`)
  const doubled = await session.rows(`
    SELECT j.job FROM dwh.jobs AS j
     WHERE (SELECT count(*) FROM dwh.runs AS r WHERE r.exit_code = 0 AND r.command = 'schedule pause' AND j.job = ANY (r.words)) <> 1`)
  say(
    `${found.well} of ${found.slots} slots ran well, ${found.again} were taken up again; claimed after ${found.middle?.toFixed(3)} s (median), ` +
      `${found.worst?.toFixed(3)} s (worst), ${found.slow} later than a second`,
  )
  const lost = await session.rows(`
    SELECT s.job, s.outcome, s.exit_code, s.reason, s.attempts, s.holder, r.run, r.exit_code AS run_exit_code, r.error_code, r.error
      FROM dwh.slots AS s LEFT JOIN dwh.runs AS r USING (run)
     WHERE s.outcome IS DISTINCT FROM 'ran' OR s.exit_code IS DISTINCT FROM 0`)
  if (found.slots !== count || lost.length > 0 || doubled.length > 0)
    throw new Error(`slots were lost or doubled: ${JSON.stringify({ ...found, lost, doubled })}`)
  return { seconds: found.worst ?? 0 }
}

/** @throws Error after three minutes: what has not come then is lost */
async function until(session: Session, question: string): Promise<void> {
  const deadline = performance.now() + 180_000
  while (!Object.values(await session.one(question))[0]) {
    if (performance.now() > deadline) throw new Error(`never came: ${question}`)
    await sleep(50)
  }
}

function shuffled<T>(all: T[]): T[] {
  return all
    .map((one) => [Math.random(), one] as const)
    .toSorted(([a], [b]) => a - b)
    .map(([, one]) => one)
}

/** Daemons that are killed and replaced, and stopped and continued. */
class Crew implements AsyncDisposable {
  readonly #folder: string
  readonly #env: Record<string, string>
  readonly #members = new Set<ChildProcess>()
  readonly #pauses = new Set<Promise<void>>()

  constructor(folder: string, env: Record<string, string>) {
    this.#folder = folder
    this.#env = env
  }

  async fill(): Promise<void> {
    while (this.#members.size < daemons) {
      const words = [join(packageRoot, 'bin', 'dwh.js'), 'schedule', 'run']
      const env = { ...process.env, ...this.#env }
      const child = spawn(process.execPath, words, { cwd: this.#folder, env, stdio: 'ignore' })
      this.#members.add(child)
      child.once('close', () => this.#members.delete(child))
    }
  }

  /** Never more than half of them at the same time, as it would be an outage else. */
  async trouble(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await sleep(trouble * (0.5 + Math.random()), undefined, { signal }).catch(() => {})
      const [member] = shuffled([...this.#members])
      if (signal.aborted || !member) break
      if (Math.random() < 0.5) {
        member.kill('SIGKILL')
        await once(member, 'close')
        await this.fill()
      } else if (this.#pauses.size < daemons / 2 - 1) {
        const pause = this.#pause(member)
        this.#pauses.add(pause)
        pause.finally(() => this.#pauses.delete(pause))
      }
    }
    await Promise.all(this.#pauses)
  }

  async #pause(member: ChildProcess): Promise<void> {
    member.kill('SIGSTOP')
    await sleep(20_000 * Math.random())
    member.kill('SIGCONT')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const all = [...this.#members]
    for (const member of all) {
      member.kill('SIGCONT')
      member.kill('SIGKILL')
    }
    await Promise.all(
      all.map((member) => (member.exitCode ?? member.signalCode) === null && once(member, 'close')),
    )
  }
}
