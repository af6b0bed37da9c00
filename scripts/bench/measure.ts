import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Session } from '../../src/postgres/session.ts'
import type { BenchRow, BenchServer, Figures, Way } from './bench.ts'

/** Every way is run so many times, in turn, so that a machine that slows down slows all of them. */
const rounds = 3

/** Runs every way in turn, several times, and takes medians. */
export async function measureWays(
  ways: Way[],
  unit: { work: string; way: string },
  say: (line: string) => void,
): Promise<BenchRow[]> {
  const results = ways.map(() => [] as Figures[])
  for (let round = 1; round <= rounds; round++) {
    for (const [index, { work, way, prepare, run }] of ways.entries()) {
      await prepare()
      const started = performance.now()
      const figures = await run()
      const seconds = figures.seconds ?? (performance.now() - started) / 1000
      results[index]?.push({ ...figures, seconds })
      say(`round ${round}/${rounds}  ${work}  ${way}  ${seconds.toFixed(2)} s`)
    }
  }
  const rows = ways.map(({ work, way, bar }, index) => ({
    work,
    way,
    ...middle(results[index] ?? []),
    ...(bar === undefined ? {} : { bar }),
  }))
  const base = rows.find((row) => row.work === unit.work && row.way === unit.way)?.seconds
  const firstBytes = (work: string) => rows.find((row) => row.work === work)?.bytes
  return rows.map((row) => {
    const first = firstBytes(row.work)
    return {
      ...row,
      ...(base && row.seconds ? { ratio: row.seconds / base } : {}),
      ...(first && row.bytes ? { bytes_ratio: row.bytes / first } : {}),
    }
  })
}

/** The median of every figure. */
function middle(all: Figures[]): Figures {
  const names = [...new Set(all.flatMap((figures) => Object.keys(figures) as (keyof Figures)[]))]
  return Object.fromEntries(
    names.map((name) => {
      const values = all.flatMap((figures) => figures[name] ?? []).toSorted((a, b) => a - b)
      return [name, values[Math.floor(values.length / 2)]]
    }),
  )
}

/** Runs a program to its end and says how much memory it took at its peak. */
export async function runProgram(
  path: string,
  words: string[],
  options: { env?: Record<string, string>; cwd?: string; input?: string } = {},
): Promise<{ rss_mb: number; stdout: string }> {
  const child = spawn(path, words, { cwd: options.cwd, env: { ...process.env, ...options.env } })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  child.stdin.end(options.input ?? '')
  let peak = 0
  const watch = setInterval(() => {
    peak = Math.max(peak, peakMemory(child))
  }, 50)
  const [code] = await once(child, 'close')
  clearInterval(watch)
  if (code !== 0) throw new Error(`${path} ${words.join(' ')} ended with ${code}:\n${stderr}`)
  return { rss_mb: Math.round(peak), stdout }
}

/** VmHWM in MB; 0 where there is no /proc or the process has gone. */
function peakMemory({ pid }: ChildProcess): number {
  try {
    return Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024
  } catch {
    return 0
  }
}

/** A statement repeated every few milliseconds on a connection of its own, and the longest that it ever took. */
export class Probe implements AsyncDisposable {
  worst = 0
  readonly #session: Session
  #running = true
  readonly #loop: Promise<void>

  private constructor(session: Session, statement: string) {
    this.#session = session
    this.#loop = this.#repeat(statement)
  }

  static async start(server: BenchServer, database: string, statement: string): Promise<Probe> {
    const session = await server.open(database)
    // It waits for as long as it must: that is what is measured.
    await session.run('SET lock_timeout = 0')
    return new Probe(session, statement)
  }

  async #repeat(statement: string): Promise<void> {
    while (this.#running) {
      const started = performance.now()
      await this.#session.run(statement)
      this.worst = Math.max(this.worst, performance.now() - started)
      await sleep(5)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#running = false
    await this.#loop
    await this.#session[Symbol.asyncDispose]()
  }
}

/** Does some work between two probes and adds their worst waits to its figures. */
export async function probed(
  server: BenchServer,
  database: string,
  { read, write }: { read: string; write: string },
  work: () => Promise<Figures>,
): Promise<Figures> {
  await using reader = await Probe.start(server, database, read)
  await using writer = await Probe.start(server, database, write)
  const started = performance.now()
  const figures = await work()
  const seconds = (performance.now() - started) / 1000
  return {
    seconds,
    ...figures,
    worst_wait_ms: Math.round(reader.worst),
    worst_write_wait_ms: Math.round(writer.worst),
  }
}
