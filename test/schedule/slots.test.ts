import { describe, expect, test } from 'vitest'
import { type JobDefinition, listJobs, pauseJobs, seeJobs } from '../../src/ledger/jobs.ts'
import { startRun } from '../../src/ledger/runs.ts'
import { enterSlot, finishSlot, lastSlots, openSlots, pruneSlots } from '../../src/ledger/slots.ts'
import { ensureLedger } from '../../src/migrate/apply.ts'
import type { Session } from '../../src/postgres/session.ts'
import { type Attendant, attend, type Claim, resume } from '../../src/schedule/claim.ts'
import { dueTimes } from '../../src/schedule/due.ts'
import { databaseTemplate, freshDatabase } from '../support/database.ts'
import { servers } from '../support/servers.ts'
import { quietWork } from '../support/work.ts'

const hourly: JobDefinition = {
  cron: '0 * * * *',
  zone: 'UTC',
  run: ['migrate status'],
  misfire: 'once',
  overlap: 'skip',
  window: null,
  timeout: null,
  late_after: 60,
  dead_after: null,
}

/** `10:00` of one day, or `+1 10:00` of a later one. */
function clock(text: string): Date {
  const [, days = '0', time] = /^(?:\+(\d+) )?(\d\d:\d\d(?::\d\d)?)$/.exec(text) ?? []
  const first = Date.parse(`2026-03-01T${time}${time?.length === 5 ? ':00' : ''}Z`)
  return new Date(first + Number(days) * 86_400_000)
}

/** A daemon whose clock stands where it is told to. */
class Attendance {
  readonly #session: Session
  readonly #run: number
  readonly jobs: Map<string, JobDefinition>

  private constructor(session: Session, run: number, jobs: Map<string, JobDefinition>) {
    this.#session = session
    this.#run = run
    this.jobs = jobs
  }

  static async begin(session: Session, job: Partial<JobDefinition>, at: string): Promise<Attendance> {
    const jobs = new Map([['job', { ...hourly, ...job }]])
    await seeJobs(session, 'test', jobs, clock(at))
    return new Attendance(session, await startRun(session, 'schedule run', [], 'test', []), jobs)
  }

  async at(time: string, job = 'job'): Promise<Claim | undefined> {
    const attendant: Attendant = {
      ...{ warehouse: 'test', run: this.#run, holder: 'here:1', jobs: this.jobs, clock: clock(time) },
    }
    return attend(this.#session, quietWork(), attendant, job)
  }

  /** As `at`, with the work of the claim done at once. */
  async done(time: string, job = 'job'): Promise<string | undefined> {
    const claim = await this.at(time, job)
    if (!claim) return undefined
    await this.finish(claim, time)
    return short(claim.slot.due_at)
  }

  async finish({ slot, lease }: Claim, time: string, exitCode = 0): Promise<void> {
    await finishSlot(this.#session, slot.slot, lease.epoch, exitCode, null, clock(time))
    await lease[Symbol.asyncDispose]()
  }

  /** `10:00 ran`, in the order in which they were due. */
  async slots(): Promise<string[]> {
    const lines = await lastSlots(this.#session, 'test', 1000)
    return lines
      .toReversed()
      .map(({ due_at, state, reason }) => `${short(due_at)} ${state}${reason ? `: ${reason}` : ''}`)
  }
}

const short = (date: Date) => {
  const days = Math.floor((date.getTime() - clock('00:00').getTime()) / 86_400_000)
  return `${days > 0 ? `+${days} ` : ''}${date.toISOString().slice(11, 16)}`
}

describe.each(servers)('slots on $name', (server) => {
  const template = databaseTemplate(server, (session) => ensureLedger(session, quietWork()))

  test('each due time is one slot; what nobody ran is made up for as the policy says', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    const jobs = await Attendance.begin(session, {}, '09:59')
    expect(await jobs.done('09:59:59')).toBeUndefined()
    expect(await jobs.done('10:00')).toBe('10:00')
    expect(await jobs.done('10:00:01')).toBeUndefined()
    // Nobody is there for three hours and a half.
    expect(await jobs.done('13:30')).toBe('13:00')
    expect(await jobs.done('13:31')).toBeUndefined()
    expect(await jobs.slots()).toEqual([
      '10:00 ran',
      '11:00 skipped: nobody was there; made up for by the one of 2026-03-01 13:00Z',
      '12:00 skipped: nobody was there; made up for by the one of 2026-03-01 13:00Z',
      '13:00 late',
    ])
    jobs.jobs.set('job', { ...hourly, misfire: 'skip' })
    await seeJobs(session, 'test', jobs.jobs, clock('13:40'))
    expect(await jobs.done('15:00:30')).toBe('15:00')
    jobs.jobs.set('job', { ...hourly, misfire: 'all' })
    await seeJobs(session, 'test', jobs.jobs, clock('15:10'))
    // One after the other, and those that wait are no overlap.
    const first = await jobs.at('18:30')
    expect(await jobs.at('18:30')).toBeUndefined()
    expect((await openSlots(session, 'test')).map(({ state }) => state)).toEqual([
      'running',
      'queued',
      'queued',
    ])
    if (first) await jobs.finish(first, '18:31')
    expect([await jobs.done('18:31'), await jobs.done('18:32'), await jobs.done('18:33')]).toEqual([
      ...['17:00', '18:00', undefined],
    ])
    expect((await jobs.slots()).slice(4)).toEqual([
      '14:00 missed: nobody was there until 2026-03-01 15:00Z',
      ...['15:00 ran', '16:00 late', '17:00 late', '18:00 late'],
    ])
  })

  test('a clock that is put forward and back loses nothing and doubles nothing', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    const jobs = await Attendance.begin(session, { misfire: 'all' }, '09:30')
    expect(await jobs.done('10:00')).toBe('10:00')
    // An hour back: what was due has been.
    expect(await jobs.done('09:10')).toBeUndefined()
    expect(await jobs.done('10:00')).toBeUndefined()
    expect(await jobs.done('11:00')).toBe('11:00')
    // A day forward: every hour between, once.
    const made: (string | undefined)[] = []
    for (let done = await jobs.done('+1 11:05'); done; done = await jobs.done('+1 11:05')) made.push(done)
    expect(made).toHaveLength(24)
    expect([made[0], made.at(-1)]).toEqual(['12:00', '+1 11:00'])
    // And back again: the day is over for the job already.
    for (const time of ['11:30', '12:00', '23:00', '+1 11:00']) expect(await jobs.done(time)).toBeUndefined()
    expect(await jobs.done('+1 12:00')).toBe('+1 12:00')
    const slots = await jobs.slots()
    expect(slots).toHaveLength(27)
    expect(new Set(slots.map((slot) => slot.replace(/ (ran|late)$/, ''))).size).toBe(27)
  })

  test.each([
    ['Europe/Berlin', '2027-03-27T20:00Z', '2027-03-28T10:00Z', '30 2 * * *', '15 * * * *'],
    ['Europe/Berlin', '2027-10-30T20:00Z', '2027-10-31T10:00Z', '30 2 * * *', '15 * * * *'],
    ['Australia/Lord_Howe', '2027-04-03T08:00Z', '2027-04-03T20:05Z', '45 1 * * *', '*/15 * * * *'],
    ['Australia/Lord_Howe', '2027-10-02T08:00Z', '2027-10-02T20:05Z', '15 2 * * *', '*/15 * * * *'],
  ])(
    'nobody is there in a night of %s in which the clock is put, from %s: nothing is lost',
    async (zone, from, to, nightly, often) => {
      await using database = await freshDatabase(server, { template: template.name })
      await using session = await database.open()
      const [begin, end] = [new Date(from), new Date(to)]
      const jobs = new Map<string, JobDefinition>([
        ['often', { ...hourly, cron: often, zone, misfire: 'skip' }],
        ['nightly', { ...hourly, cron: nightly, zone }],
      ])
      await seeJobs(session, 'test', jobs, begin)
      const run = await startRun(session, 'schedule run', [], 'test', [])
      const attendant = { warehouse: 'test', run, holder: 'here:1', jobs, clock: end }
      const claim = await attend(session, quietWork(), attendant, 'nightly')
      await attend(session, quietWork(), attendant, 'often')
      const lines = await lastSlots(session, 'test', 1000)
      const dueOf = (job: string) =>
        lines.filter((line) => line.job === job).map(({ due_at }) => due_at.getTime())
      // Once, whatever the clock on the wall did; and each of the others is missed, and written down.
      expect(dueOf('nightly')).toEqual([claim?.slot.due_at.getTime()])
      expect(dueOf('often').toReversed()).toEqual(
        [...dueTimes({ cron: often, zone }, begin.getTime(), end.getTime())].map(({ at }) => at),
      )
      expect(new Set(lines.filter(({ job }) => job === 'often').map(({ outcome }) => outcome)).size).toBe(1)
      await claim?.lease[Symbol.asyncDispose]()
    },
  )

  test('overlaps: skipped, queued, or the old one is cancelled', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    const jobs = await Attendance.begin(session, { overlap: 'queue' }, '09:30')
    const long = await jobs.at('10:00')
    for (const time of ['11:00', '12:00', '12:30']) expect(await jobs.at(time)).toBeUndefined()
    if (long) await jobs.finish(long, '12:40')
    // Seen in time, so that they are no misfire, however long they waited.
    expect([await jobs.done('12:41'), await jobs.done('12:50'), await jobs.done('12:51')]).toEqual([
      ...['11:00', '12:00', undefined],
    ])
    jobs.jobs.set('job', { ...hourly, overlap: 'cancel' })
    await seeJobs(session, 'test', jobs.jobs, clock('12:55'))
    const old = await jobs.at('13:00')
    expect(await jobs.at('14:00')).toBeUndefined()
    expect(await openSlots(session, 'test')).toMatchObject([
      { state: 'running', cancel_at: clock('14:00') },
      { state: 'queued', cancel_at: null },
    ])
    if (old) await jobs.finish(old, '14:01', 130)
    expect(await jobs.done('14:01')).toBe('14:00')
    jobs.jobs.set('job', { ...hourly, overlap: 'skip', window: '00:00-16:30' })
    await seeJobs(session, 'test', jobs.jobs, clock('14:05'))
    const last = await jobs.at('15:00')
    expect(await jobs.at('16:00')).toBeUndefined()
    if (last) await jobs.finish(last, '16:59')
    expect(await jobs.done('17:00')).toBeUndefined()
    expect(await jobs.slots()).toEqual([
      ...['10:00 ran', '11:00 late', '12:00 late', '13:00 failed', '14:00 ran', '15:00 ran'],
      '16:00 skipped: the one of 2026-03-01 15:00Z was still at work',
      '17:00 skipped: outside of its window',
    ])
  })

  test('a job after others waits for what was due before it, whoever has planned that or not', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    const jobs = await Attendance.begin(session, { after: ['early', 'absent'], cron: '30 * * * *' }, '09:59')
    jobs.jobs.set('early', hourly)
    await seeJobs(session, 'test', jobs.jobs, clock('09:59'))
    const held = async (time: string) => {
      expect(await jobs.at(time)).toBeUndefined()
      return (await openSlots(session, 'test', 'job')).map(({ state, due_at }) => `${short(due_at)} ${state}`)
    }
    // Nobody has planned the one of 10:00 yet.
    expect(await held('10:30')).toEqual(['10:30 queued'])
    const early = await jobs.at('10:31', 'early')
    expect(await held('10:32')).toEqual(['10:30 queued'])
    // Whose daemon dies has not ended; nor does the hour that comes stand in the way of the one before it.
    await early?.lease[Symbol.asyncDispose]()
    expect(await held('10:33')).toEqual(['10:30 queued'])
    const again = await jobs.at('10:34', 'early')
    expect(await held('11:00')).toEqual(['10:30 queued'])
    if (again) await jobs.finish(again, '11:01', 1)
    const first = await jobs.at('11:01')
    expect(first?.slot.due_at).toEqual(clock('10:30'))
    expect(await jobs.done('11:02', 'early')).toBe('11:00')
    if (first) await jobs.finish(first, '11:03')
    expect(await jobs.done('11:30')).toBe('11:30')
    // One that waits is overlapped like one that works; a job that is paused or gone keeps nobody.
    expect(await held('12:30')).toEqual(['12:30 queued'])
    expect(await held('13:30')).toEqual(['12:30 queued'])
    await pauseJobs(session, 'test', ['early'], 'eve')
    expect(await held('13:31')).toEqual(['12:30 queued'])
    expect(await jobs.done('13:32', 'early')).toBeUndefined()
    expect(await jobs.done('13:33')).toBe('12:30')
    await resume(session, 'test', 'early', clock('13:40'))
    expect(await held('14:30')).toEqual(['14:30 queued'])
    jobs.jobs.delete('early')
    await seeJobs(session, 'test', jobs.jobs, clock('14:31'))
    expect(await jobs.done('14:32')).toBe('14:30')
    const lines = await jobs.slots()
    expect(lines.filter((line) => line.includes(':30 '))).toEqual([
      ...['10:30 late', '11:30 ran', '12:30 late'],
      '13:30 skipped: the one of 2026-03-01 12:30Z was still waiting',
      '14:30 late',
    ])
  })

  test('a paused job skips, a changed one begins anew, one that is gone ends what was due', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    const jobs = await Attendance.begin(session, {}, '09:30')
    await pauseJobs(session, 'test', ['job'], 'eve')
    expect(await jobs.done('10:00')).toBeUndefined()
    // No daemon at 11:00: what was due in the pause is skipped when it ends.
    expect(await resume(session, 'test', 'job', clock('11:30'))).toBe(true)
    expect(await resume(session, 'test', 'job', clock('11:31'))).toBe(false)
    expect(await jobs.done('12:00')).toBe('12:00')
    // Other times count from when they were seen.
    jobs.jobs.set('job', { ...hourly, cron: '15 * * * *' })
    await seeJobs(session, 'test', jobs.jobs, clock('14:30'))
    expect(await jobs.done('14:31')).toBeUndefined()
    expect(await jobs.done('15:15')).toBe('15:15')
    // A daemon whose file is older plans what the ledger says, and leaves it to those who know it.
    const older = new Map(jobs.jobs)
    jobs.jobs.set('job', { ...hourly, cron: '15 * * * *', run: ['status'] })
    await seeJobs(session, 'test', jobs.jobs, clock('15:30'))
    const newer = new Map(jobs.jobs)
    jobs.jobs.set('job', older.get('job') ?? hourly)
    expect(await jobs.done('16:15')).toBeUndefined()
    expect(await openSlots(session, 'test')).toMatchObject([{ state: 'due', due_at: clock('16:15') }])
    jobs.jobs.set('job', newer.get('job') ?? hourly)
    expect(await jobs.done('16:15:10')).toBe('16:15')
    // Planned, and then the job is gone.
    jobs.jobs.set('job', older.get('job') ?? hourly)
    await jobs.done('17:15')
    await seeJobs(session, 'test', new Map(), clock('17:16'))
    await jobs.done('19:00')
    const slots = await jobs.slots()
    expect(slots.slice(0, 2)).toEqual(
      ['10:00', '11:00'].map((due) => expect.stringMatching(`${due} skipped: paused since .* by eve`)),
    )
    expect(slots.slice(2)).toEqual([
      ...['12:00 ran', '15:15 ran', '16:15 ran'],
      '17:15 skipped: the warehouse file has the job no more',
    ])
    await seeJobs(session, 'test', jobs.jobs, clock('+2 10:00'))
    expect(await listJobs(session, 'test')).toMatchObject([{ gone_at: null, planned_to: clock('+2 10:00') }])
    await pruneSlots(session, 'test', 0)
    expect(await jobs.slots()).toEqual(['16:15 ran', '17:15 skipped: the warehouse file has the job no more'])
    expect(await session.rows('SELECT FROM dwh.leases')).toHaveLength(1)
  })

  test('a slot whose daemon has died is taken up again, until the next one is due; a stale holder is refused', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    const jobs = await Attendance.begin(session, {}, '09:30')
    const command = await startRun(session, 'migrate status', [], 'test', [])
    const first = await jobs.at('10:00')
    expect(first?.lease.epoch).toBe(1)
    await using child = await database.open()
    await enterSlot(child, first?.slot.slot ?? 0, 1, command)
    await using other = await database.open()
    await other.run('SELECT pg_terminate_backend(backend_pids[1], 10000) FROM dwh.leases')
    const again = await Attendance.begin(other, {}, '09:30')
    const taken = await again.at('10:00:06')
    expect(taken).toMatchObject({ slot: { attempts: 1, run: command }, lease: { epoch: expect.any(Number) } })
    expect(taken?.lease.epoch).toBeGreaterThan(1)
    // What works for the former holder is gone, with its own connection, and does not come back.
    await expect(jobs.at('10:00:07')).rejects.toMatchObject({ code: 'SERVER_WENT_AWAY' })
    await expect(child.one('SELECT 1')).rejects.toMatchObject({ code: 'SERVER_WENT_AWAY' })
    await using stale = await database.open()
    await expect(enterSlot(stale, taken?.slot.slot ?? 0, 1, command)).rejects.toMatchObject({
      code: 'LEASE_LOST',
    })
    expect(await finishSlot(stale, taken?.slot.slot ?? 0, 1, 0, null)).toBeUndefined()
    if (taken) await again.finish(taken, '10:02')
    // The third time it may be its own fault: it rests for a minute, two, four …, until the next one is due.
    const { slot } = await other.one<{ slot: number }>(
      `INSERT INTO dwh.slots (warehouse, job, due_at, planned_at, started_at, attempts) VALUES ('test', 'job', $1, $1, $1, 2) RETURNING slot`,
      [clock('11:00')],
    )
    for (const [begin, dies, rests] of [
      ['11:00:30', '11:01', '11:01:59'],
      ['11:02', '11:03', '11:04:59'],
    ] as const) {
      const claim = await again.at(begin)
      expect(claim).toMatchObject({ slot: { due_at: clock('11:00') } })
      await claim?.lease[Symbol.asyncDispose]()
      await other.run(`UPDATE dwh.leases SET backend_pids = '{1}', expires_at = $1 WHERE work = $2`, [
        ...[clock(dies), `slot ${slot}`],
      ])
      expect(await again.at(rests)).toBeUndefined()
    }
    // What may still work for it is ended, and nothing may begin to.
    await using late = await database.open()
    await again.at('12:00')
    expect(await again.slots()).toEqual([
      ...['10:00 ran', '11:00 failed: its daemons died 4 times, and the next one is due', '12:00 running'],
    ])
    await expect(enterSlot(late, slot, 4, command)).rejects.toMatchObject({ code: 'LEASE_LOST' })
    // What had begun goes on through a pause; of a job that is gone nobody knows how.
    await other.run(`UPDATE dwh.leases SET backend_pids = '{1}'`)
    await pauseJobs(other, 'test', ['job'], 'eve')
    const paused = await again.at('13:00')
    expect(paused).toMatchObject({ slot: { due_at: clock('12:00'), attempts: 1 } })
    await seeJobs(other, 'test', new Map(), clock('13:01'))
    await other.run(`UPDATE dwh.leases SET backend_pids = '{1}'`)
    expect(await again.at('13:02')).toBeUndefined()
    expect((await again.slots()).slice(2)).toEqual([
      '12:00 failed: its daemon died, and the warehouse file has the job no more',
      expect.stringMatching(/^13:00 skipped: paused since .* by eve$/),
    ])
  })
})
