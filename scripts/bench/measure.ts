import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { packageRoot } from '../../src/package.ts'
import type { Session } from '../../src/postgres/session.ts'
import type { BenchRow, BenchServer, Figures, RelativeBar, Unit, Way } from './bench.ts'

/** Every way is run so many times, in turn, so that a machine that slows down slows all of them. */
const rounds = 3

/** Runs every way in turn, several times, and takes medians. */
export async function measureWays(
  ways: Way[],
  unit: Unit,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<BenchRow[]> {
  const results = ways.map(() => [] as Figures[])
  for (let round = 1; round <= rounds; round++) {
    for (const [index, { work, way, prepare, run }] of ways.entries()) {
      signal.throwIfAborted()
      await prepare()
      const started = performance.now()
      const figures = await run()
      const seconds = figures.seconds ?? (performance.now() - started) / 1000
      results[index]?.push({ ...figures, seconds })
      say(`round ${round}/${rounds}  ${work}  ${way}  ${seconds.toFixed(2)} s`)
    }
  }
  return judged(
    ways,
    results.map((all) => middle(all)),
    unit,
  )
}

/** Medians beside each other: ratios to the unit, and bars as ratios, whichever way they were set. */
function judged(ways: Way[], medians: Figures[], benchUnit: Unit): BenchRow[] {
  const of = (work: string, way: string) =>
    medians[ways.findIndex((row) => row.work === work && row.way === way)]?.seconds
  return ways.map(({ work, way, bar, bytes_bar, unit = benchUnit }, index) => {
    const median = medians[index] as Figures
    const base = of(unit.work, unit.way)
    const first = medians[ways.findIndex((row) => row.work === work)]?.bytes
    const ratio = (seconds: number | undefined) => (base && seconds ? seconds / base : undefined)
    const own = ratio(median.seconds)
    const limit = typeof bar === 'object' ? ratio(allowed(bar, of(work, bar.of))) : bar
    return {
      work,
      way,
      ...median,
      ...(own === undefined ? {} : { ratio: own }),
      ...(limit === undefined ? {} : { bar: limit }),
      ...(first && median.bytes ? { bytes_ratio: median.bytes / first } : {}),
      ...(bytes_bar === undefined ? {} : { bytes_bar }),
    }
  })
}

/** The seconds that a bar allows. */
function allowed({ times, plus }: RelativeBar, seconds: number | undefined): number | undefined {
  if (seconds === undefined) return undefined
  return plus === undefined ? times * seconds : Math.max(times * seconds, seconds + plus)
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
): Promise<{ rss_mb: number; stdout: string; stderr: string }> {
  const child = spawn(path, words, { cwd: options.cwd, env: { ...process.env, ...options.env } })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  // A program that reads nothing may be gone before it gets nothing.
  child.stdin.on('error', () => {}).end(options.input ?? '')
  let peak = 0
  const watch = setInterval(() => {
    peak = Math.max(peak, peakMemory(child))
  }, 50)
  const [code] = await once(child, 'close')
  clearInterval(watch)
  if (code !== 0) throw new Error(`${path} ${words.join(' ')} ended with ${code}:\n${stderr}`)
  return { rss_mb: Math.round(peak), stdout, stderr }
}

/** Runs `dwh` as a process of its own, with its start and its end. */
export async function runDwh(
  cwd: string,
  words: string[],
  env: Record<string, string>,
): Promise<{ rss_mb: number; stdout: string }> {
  return await runProgram(process.execPath, [join(packageRoot, 'bin', 'dwh.js'), ...words], { env, cwd })
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
