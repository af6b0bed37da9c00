import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import type { JobDefinition } from '../../src/ledger/jobs.ts'
import { startRun } from '../../src/ledger/runs.ts'
import { lastSlots } from '../../src/ledger/slots.ts'
import { ensureLedger } from '../../src/migrate/apply.ts'
import type { Session } from '../../src/postgres/session.ts'
import type { Target } from '../../src/postgres/target.ts'
import { Daemon } from '../../src/schedule/daemon.ts'
import { databaseTemplate, freshDatabase } from '../support/database.ts'
import { server } from '../support/servers.ts'
import { quietWork } from '../support/work.ts'

/** In place of `dwh`: writes down what it was told; what it does then is the words of the job. */
const program = `import { appendFileSync } from 'node:fs'
import { spawn } from 'node:child_process'
const [, , log, what, ...rest] = process.argv
appendFileSync(log, process.env.DWH_SLOT.split('/')[0] + ' ' + what + '\\n')
if (what === 'wait') setInterval(() => {}, 1000)
else if (what === 'flood') {
  const line = 'x'.repeat(1023) + '\\n'
  for (let written = 0; written < Number(rest[0]); written += 1024) process.stdout.write(line)
  process.stdout.write('y'.repeat(3_000_000))
} else if (what === 'leave') {
  // Somebody of its group who outlives it, and keeps its standard output open.
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'inherit' })
  appendFileSync(log, 'child ' + child.pid + '\\n')
  child.unref()
}
`

const yearly: JobDefinition = {
  ...{ cron: '0 0 1 1 *', zone: 'UTC', run: ['go'], after: [], misfire: 'once', overlap: 'skip' },
  ...{ window: null, timeout: null, late_after: 60, dead_after: null },
}

/** A daemon within this process, whose clock can be put. */
class Staged implements AsyncDisposable {
  clock: Date
  readonly jobs: Map<string, JobDefinition>
  readonly log: string
  readonly work = quietWork()
  readonly #folder = mkdtempSync(join(tmpdir(), 'daemon-'))
  readonly #stop = new AbortController()
  readonly #session: Session
  ended: Promise<void> = Promise.resolve()

  constructor(session: Session, jobs: Record<string, Partial<JobDefinition>>, at: string) {
    this.#session = session
    this.clock = new Date(at)
    this.jobs = new Map(Object.entries(jobs).map(([name, job]) => [name, { ...yearly, ...job }]))
    this.log = join(this.#folder, 'log')
    writeFileSync(join(this.#folder, 'program.mjs'), program)
    appendFileSync(this.log, '')
  }

  async begin(target: Target): Promise<void> {
    const run = await startRun(this.#session, 'schedule run', [], 'test', [])
    const staged = this
    const options = {
      ...{ warehouse: 'test', run, jobs: this.jobs, holder: 'here:1', target, once: false, grace: 0 },
      ...{ program: [process.execPath, join(this.#folder, 'program.mjs'), this.log], retention: 1e6 },
      get clock() {
        return new Date(staged.clock)
      },
    }
    const daemon = new Daemon({ emit: this.work.emit, signal: this.#stop.signal }, options)
    this.ended = daemon.run()
    this.ended.catch(() => {})
    await this.until(() => this.known(), 'known')
  }

  async known(): Promise<boolean> {
    return (await this.#session.rows('SELECT FROM dwh.jobs WHERE gone_at IS NULL')).length === this.jobs.size
  }

  async slots(): Promise<string[]> {
    return (await lastSlots(this.#session, 'test', 10_000))
      .toReversed()
      .map(({ job, due_at, state }) => `${job} ${due_at.toISOString().slice(0, 16)}Z ${state}`)
  }

  /** What the program was told, `slot what`. */
  get told(): string[] {
    return readFileSync(this.log, 'utf8')
      .trim()
      .split('\n')
      .filter((line) => line !== '')
  }

  async until(is: () => boolean | Promise<boolean>, what: string): Promise<void> {
    const deadline = performance.now() + 60_000
    while (!(await is())) {
      if (performance.now() > deadline) throw new Error(`${what} never came: ${await this.slots()}`)
      await sleep(20)
    }
  }

  /** Until nothing is open of what is due by its clock. */
  async settled(count: number): Promise<string[]> {
    const open = /(due|queued|running|died)$/
    await this.until(async () => {
      const slots = await this.slots()
      return slots.length === count && !slots.some((slot) => open.test(slot))
    }, `${count} slots`)
    return await this.slots()
  }

  async end(): Promise<void> {
    this.#stop.abort()
    await this.ended
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.ended.catch(() => {})
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

describe('a daemon', () => {
  const template = databaseTemplate(server, (session) => ensureLedger(session, quietWork()))

  test('whose clock is put an hour and a day forward and back, with its event loop blocked: each hour once', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    await using staged = new Staged(session, { hourly: { cron: '0 * * * *' } }, '2027-03-01T09:59:50Z')
    await staged.begin(database.target)
    const put = (time: string, blocked = 0) => {
      staged.clock = new Date(time)
      for (const until = performance.now() + blocked; performance.now() < until; );
    }
    put('2027-03-01T10:00:00Z', 300)
    expect(await staged.settled(1)).toEqual(['hourly 2027-03-01T10:00Z ran'])
    put('2027-03-01T09:00:00Z', 300)
    put('2027-03-01T11:00:10Z')
    await staged.settled(2)
    put('2027-03-02T11:05:00Z', 300)
    const slots = await staged.settled(26)
    expect(slots.slice(1, 3)).toEqual(['hourly 2027-03-01T11:00Z ran', 'hourly 2027-03-01T12:00Z skipped'])
    expect(slots.at(-1)).toBe('hourly 2027-03-02T11:00Z late')
    put('2027-03-01T11:05:00Z')
    await sleep(1100)
    put('2027-03-02T12:00:01Z')
    await staged.settled(27)
    expect(staged.told.map((line) => line.replace(/^\d+ /, ''))).toEqual(['go', 'go', 'go', 'go'])
    expect(new Set(staged.told).size).toBe(4)
    await staged.end()
  })

  test('with jobs that take longer than their period, that flood, and that leave others behind', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    const hourly = { cron: '0 * * * *', run: ['wait'], timeout: 600 }
    await using staged = new Staged(
      session,
      {
        skip: hourly,
        queue: { ...hourly, overlap: 'queue' },
        cancel: { ...hourly, overlap: 'cancel' },
        behind: { cron: '0 * * * *', after: ['skip'], run: ['go'] },
        flood: { cron: '0 9 * * *', run: ['flood 100000000'] },
        leave: { cron: '0 9 * * *', run: ['leave', 'go'] },
        absent: { cron: '0 9 * * *', run: ['go'], zone: 'UTC' },
      },
      '2027-03-01T08:59:59Z',
    )
    await staged.begin(database.target)
    // A zone that only another machine knows keeps no other job.
    await session.run(
      `UPDATE dwh.jobs SET definition = jsonb_set(definition, '{zone}', '"Mars/Olympus"') WHERE job = 'absent'`,
    )
    staged.clock = new Date('2027-03-01T09:00:00Z')
    const waits = () => staged.told.filter((line) => line.endsWith(' wait')).length
    await staged.until(() => waits() === 3, 'three that wait')
    staged.clock = new Date('2027-03-01T10:00:00Z')
    const reads = (...lines: string[]) =>
      staged.until(async () => {
        const slots = await staged.slots()
        return lines.every((line) => slots.includes(line))
      }, lines.join(', '))
    await reads(
      ...[
        'skip 2027-03-01T09:00Z running',
        'skip 2027-03-01T10:00Z skipped',
        'behind 2027-03-01T09:00Z queued',
      ],
      ...[
        'queue 2027-03-01T09:00Z running',
        'queue 2027-03-01T10:00Z queued',
        'behind 2027-03-01T10:00Z skipped',
      ],
      ...['flood 2027-03-01T09:00Z ran', 'leave 2027-03-01T09:00Z ran'],
    )
    expect(staged.work.events.filter(({ type }) => type === 'warning')).toMatchObject([
      { message: expect.stringMatching(/^absent: .*mars\/olympus; another daemon may know better$/i) },
    ])
    // Whoever it left behind has ended with it.
    const pid = staged.told.find((line) => line.startsWith('child '))?.slice(6)
    await staged.until(() => !existsSync(`/proc/${pid}`), 'the end of a child')
    await staged.end()
    await reads('skip 2027-03-01T09:00Z queued', 'queue 2027-03-01T09:00Z queued')
    expect(staged.work.events.length, 'lines of a flood are dropped').toBeLessThan(2000)
  })

  test('whose role is dropped ends and says so, and another goes on with what it had begun', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    const role = `dropped_${process.pid}`
    await session.run(`CREATE ROLE ${role} LOGIN; GRANT USAGE ON SCHEMA dwh TO ${role};
      GRANT ALL ON ALL TABLES IN SCHEMA dwh TO ${role}; GRANT ALL ON ALL SEQUENCES IN SCHEMA dwh TO ${role}`)
    const job = { cron: '0 9 * * *', run: ['wait'] }
    await using first = new Staged(session, { job }, '2027-03-01T08:59:59Z')
    await first.begin({ ...database.target, user: role })
    first.clock = new Date('2027-03-01T09:00:00Z')
    await first.until(() => first.told.length === 1, 'the first')
    await session.run(`DROP OWNED BY ${role}; DROP ROLE ${role}`)
    await expect(first.ended).rejects.toMatchObject({ code: 'PRIVILEGE_MISSING' })
    expect(await first.slots()).toEqual(['job 2027-03-01T09:00Z died'])
    await using second = new Staged(session, { job }, '2027-03-01T09:00:05Z')
    await second.begin(database.target)
    await second.until(() => second.told.length === 1, 'the second')
    await second.end()
    expect(await second.slots()).toEqual(['job 2027-03-01T09:00Z queued'])
  })
})
