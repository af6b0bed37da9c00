import { expect, test } from 'vitest'
import type { DwhEvent } from '../../src/events.ts'
import { Session } from '../../src/postgres/session.ts'
import { dwh, dwhDone, ended, says, startDwh } from '../support/cli.ts'
import { jumpingClock } from '../support/clock.ts'
import type { ClockJump } from '../support/jump-clock.ts'
import { server } from '../support/servers.ts'
import { until, untilStopped } from '../support/until.ts'
import { quietWork } from '../support/work.ts'
import { backfillPlace, backfillTemplate, endState, leftovers, monthFile, sales } from './fixture.ts'

const like = (pattern: RegExp) => expect.stringMatching(pattern)
const template = backfillTemplate(server)
const clean = { open: [], tables: [], loads: [], leases: [] }
const run = ['backfill', 'run', '--dataset', 'sales', '--yes', '--from', '2024-01-01']

/** Within the load of a month. */
const within = (month: number): Partial<DwhEvent> => ({
  type: 'step',
  step: 'send',
  state: 'started',
  of: `sales/shop 2024-0${month}-01 to 2024-0${month + 1}-01`,
})

test('pause lets what is begun finish and nothing begin; resume goes on, with more hands', async () => {
  await using place = await backfillPlace(server, template)
  const { at, session } = place
  const child = startDwh([...run, '--to', '2024-05-01', '--parallel', '1'], { ...at, stopAt: within(2) })
  const result = ended(child)
  await untilStopped(child.pid)
  expect(await place.states(1)).toEqual(['01-01 done', '02-01 running', '03-01 planned', '04-01 planned'])
  const paused = await dwhDone(['backfill', 'pause', '1'], at)
  expect(paused.stderr).toMatch(/backfill 1 is paused; 1 window that is begun is finished/)
  child.kill('SIGCONT')
  await until(session, 'SELECT FROM dwh.chunks WHERE window_from = $1 AND outcome IS NOT NULL', [
    '2024-02-01',
  ])
  expect(await place.states(1)).toEqual(['01-01 done', '02-01 done', '03-01 planned', '04-01 planned'])
  // Who asks for the same windows is told whose they are.
  const [second, list] = await Promise.all([
    dwh([...run, '--to', '2024-05-01'], at),
    dwh(['backfill', 'list', '--json'], at),
  ])
  expect(second).toMatchObject({
    code: 6,
    stderr: like(/LOCK_HELD run 1 is paused, and has these windows already.*\nhint .*dwh backfill resume 1/),
  })
  expect(JSON.parse(list.stdout)).toMatchObject([
    { backfill: 1, state: 'paused', done: 2, planned: 2, at_work: true },
  ])
  const resumed = await dwhDone(['backfill', 'resume', '1', '--parallel', '3'], at)
  expect(resumed.stderr).toMatch(/backfill 1 goes on, 3 at the same time\n/)
  expect(await result).toMatchObject({
    code: 0,
    stderr: like(/· backfill 1 is paused[\s\S]*· backfill 1 goes on[\s\S]*4 of 4 windows done/),
  })
  expect(await leftovers(session)).toEqual(clean)
  const over = await dwh(['backfill', 'pause', '1'], at)
  expect(over).toMatchObject({
    code: 2,
    stderr: like(/USAGE backfill 1 has ended: there is nothing to pause/),
  })
})

test('cancel undoes what is begun and leaves no lease; retry takes the rest up', async () => {
  await using place = await backfillPlace(server, template)
  const { at, session } = place
  const child = startDwh([...run, '--to', '2024-05-01', '--parallel', '1'], { ...at, stopAt: within(2) })
  const result = ended(child)
  await untilStopped(child.pid)
  const cancelling = dwh(['backfill', 'cancel', '1', '--yes'], at)
  await until(session, "SELECT FROM dwh.backfills WHERE wanted = 'cancel'")
  child.kill('SIGCONT')
  expect(await cancelling).toMatchObject({
    code: 0,
    stderr: like(/backfill 1: [12] of 4 windows done, [23] cancelled/),
  })
  expect(await result).toMatchObject({ code: 130, stderr: like(/INTERRUPTED backfill 1 was cancelled/) })
  // On a busy machine what was begun has come to its end before its worker looked at what is wanted.
  const states = await place.states(1)
  const second = states[1] === '02-01 done'
  expect(states).toEqual([
    '01-01 done',
    second ? '02-01 done' : '02-01 cancelled',
    '03-01 cancelled',
    '04-01 cancelled',
  ])
  expect(await leftovers(session)).toEqual(clean)
  expect(await place.rows('SELECT count(*) AS n FROM public.sales')).toEqual([{ n: second ? 93 + 87 : 93 }])
  const work = await dwh(['backfill', 'work', '1', '--yes'], at)
  expect(work).toMatchObject({ code: 2, stderr: like(/was cancelled\nhint .*dwh backfill retry 1/) })
  await dwhDone(['backfill', 'retry', '1', '--yes'], at)
  expect(await place.states(1)).toEqual(['01-01 done', '02-01 done', '03-01 done', '04-01 done'])
  expect(await place.rows('SELECT count(*) AS n FROM public.sales')).toEqual([{ n: 121 * 3 }])
})

test('Ctrl-C lets windows go, and the same command takes them over; one that is alive keeps them, and may be joined', async () => {
  await using place = await backfillPlace(server, template)
  const { at, session } = place
  const words = [...run, '--to', '2024-07-01', '--parallel', '1']
  const interrupted = await dwh(words, { ...at, interruptAt: within(2) })
  expect(interrupted).toMatchObject({
    code: 130,
    stderr: like(/backfill 1: 1 of 6 windows done, 5 left; 93 rows\nerror INTERRUPTED/),
  })
  const { open: _, ...rest } = await leftovers(session)
  expect(rest).toEqual({ tables: [], loads: [], leases: [] })
  expect(await place.states(1)).toEqual(['01-01 done', ...[2, 3, 4, 5, 6].map((n) => `0${n}-01 planned`)])

  const child = startDwh(words, { ...at, stopAt: within(3) })
  const result = ended(child)
  await untilStopped(child.pid)
  expect((await place.states(1)).slice(1)).toEqual([2, 3, 4, 5, 6].map((n) => `0${n}-01 cancelled`))
  const [second, joined] = await Promise.all([
    dwh(words, at),
    // One at a time, and that one is taken: it can begin when there is room for it.
    dwh(['backfill', 'resume', '2', '--parallel', '2', '--json'], at).then(() =>
      dwh(['backfill', 'work', '2', '--yes', '--timeout', '600s'], {
        ...at,
        // The last one but that which stands still.
        killAt: { type: 'step', step: 'sales/shop 2024-06-01 to 2024-07-01', state: 'done' },
      }),
    ),
  ])
  expect(second).toMatchObject({
    code: 6,
    stderr: like(/LOCK_HELD run 2 has these windows already.*\nhint .*dwh backfill work 2/),
  })
  expect(joined).toMatchObject({ signal: 'SIGKILL', stderr: like(/✓ sales\/shop 2024-04-01 to 2024-05-01/) })
  expect(await place.states(2)).toEqual([
    '02-01 done',
    '03-01 running',
    ...[4, 5, 6].map((n) => `0${n}-01 done`),
  ])
  child.kill('SIGCONT')
  expect(await result).toMatchObject({ code: 0, stderr: like(/backfill 2: 5 of 5 windows done; 453 rows/) })
  const state = await endState(session)
  expect(state).toMatchObject({ ...clean, rows: [{ count: 182 * 3, leaves: 6 }] })
  expect(
    await place.rows('SELECT DISTINCT run FROM dwh.loads WHERE finished_at IS NOT NULL ORDER BY 1'),
  ).toHaveLength(3)
})

test('a second Ctrl-C leaves at once, though the first waits for a lock; what was begun is taken over', async () => {
  await using place = await backfillPlace(server, template)
  const { at, session } = place
  const words = [...run, '--to', '2024-04-01', '--parallel', '1']
  const child = startDwh(words, { ...at, stopAt: within(2) })
  const stopping = says(child, /press Ctrl-C again/)
  const result = ended(child)
  await untilStopped(child.pid)
  {
    // Nobody can write down what became of the window: what the first one begins does not come to its end.
    await using holder = await Session.open(place.database.target, 'test holder', quietWork())
    await holder.run('BEGIN; LOCK TABLE dwh.chunks IN EXCLUSIVE MODE')
    child.kill('SIGINT')
    child.kill('SIGCONT')
    await stopping
    child.kill('SIGINT')
    expect(await result).toMatchObject({ code: 130, stderr: like(/leave at once\n( .*\n)*$/) })
  }
  await until(session, "SELECT FROM dwh.chunk_states WHERE window_from = '2024-02-01' AND state = 'died'")
  expect(await place.states(1)).toEqual(['01-01 done', '02-01 died', '03-01 planned'])
  const again = await dwhDone(words, at)
  expect(again.stderr).toMatch(/backfill 2: 2 of 2 windows done/)
  expect(await endState(session)).toMatchObject({ ...clean, rows: [{ count: 91 * 3, leaves: 3 }] })
})

test('windows wait until their hours begin, pause when these are over, and go on when they come again', async () => {
  await using place = await backfillPlace(server, template, { months: 1 })
  const { at } = place
  place.describe({ sales: { ...sales, sources: { shop: { kind: 'file', path: 'days/{from}.csv' } } } })
  const days = Array.from({ length: 12 }, (_, n) => `2024-01-${String(n + 1).padStart(2, '0')}`)
  for (const [n, day] of days.entries()) place.put(`days/${day}.csv`, `id,sold_on\n${n},${day}\n`)
  // A Friday of winter; the weekend that follows is closed, but for the night that Friday has begun.
  const clock: ClockJump[] = [
    { to: '2026-11-20T17:00:00Z' },
    { at: { type: 'note', message: 'goes on at 2026-11-20T19:00:00Z' }, to: '2026-11-20T19:00:00Z' },
    { at: { type: 'step', step: `sales/shop ${days[2]}`, state: 'done' }, to: '2026-11-21T02:00:00Z' },
    { at: { type: 'step', step: `sales/shop ${days[5]}`, state: 'done' }, to: '2026-11-21T05:00:00Z' },
    { at: { type: 'note', message: 'goes on at 2026-11-23T19:00:00Z' }, to: '2026-11-23T19:00:00Z' },
  ]
  const hours = ['--window', 'Mon-Fri 20:00-06:00 Europe/Paris']
  const words = [...run, '--to', '2024-01-13', '--chunk', 'day', '--parallel', '1', ...hours]
  const result = await dwhDone(words, { ...at, env: { ...at.env, ...jumpingClock(clock) } })
  const told = result.stderr.matchAll(/^(?:✓ sales\/shop (\S+)|· outside of Mon-Fri .*: (goes on at .*)$)/gm)
  expect([...told].map(([, day, next]) => day ?? next)).toEqual([
    'goes on at 2026-11-20T19:00:00Z',
    ...days.slice(0, 6),
    'goes on at 2026-11-23T19:00:00Z',
    ...days.slice(6),
  ])
})

test('outside of its hours nothing is begun; stop on error pauses; force replaces, with a backup before', async () => {
  await using place = await backfillPlace(server, template)
  const { at, session } = place
  const day = new Date(Date.now() + 3 * 86_400_000).toUTCString().slice(0, 3)
  const closed = await dwh(
    [...run, '--to', '2024-03-01', '--window', `${day} 00:00-01:00`, '--timeout', '3s'],
    at,
  )
  expect(closed).toMatchObject({
    code: 1,
    stderr: like(/outside of \w+ 00:00-01:00: goes on at [\s\S]*TIMED_OUT/),
  })
  expect(await place.states(1)).toEqual(['01-01 planned', '02-01 planned'])

  place.put('data/2024-01.csv', monthFile('2024-01', 3, { rejects: 80 }))
  const stopped = await dwh([...run, '--to', '2024-04-01', '--parallel', '1', '--stop-on-error'], at)
  expect(stopped).toMatchObject({
    code: 5,
    stderr: like(/0 of 3 windows done, 1 failed, 2 left[\s\S]*dwh backfill resume 2 goes on/),
  })
  expect(await place.states(2)).toEqual(['01-01 failed', '02-01 planned', '03-01 planned'])
  place.put('data/2024-01.csv', monthFile('2024-01'))
  await dwhDone(['backfill', 'retry', '2', '--yes'], at)

  place.put('data/2024-02.csv', monthFile('2024-02', 2))
  place.remove('data/2024-03.csv')
  const forced = await dwh([...run, '--to', '2024-04-01', '--force', '--json'], at)
  expect(forced).toMatchObject({ code: 5, stderr: like(/after a backup of the datasets[\s\S]*✓ backup/) })
  // The months that others were replaced by are as good; the one that is gone may be a mistake.
  expect(JSON.parse(forced.stdout).windows).toMatchObject([
    { state: 'done', figures: { replaced: 93, inserted: 93 } },
    { state: 'done', figures: { replaced: 87, inserted: 58 } },
    { state: 'failed', error_code: 'INPUT_MISSING' },
  ])
  expect(
    await place.rows("SELECT row_count FROM dwh.generations WHERE kind = 'former' ORDER BY chunk"),
  ).toEqual([{ row_count: 93 }, { row_count: 87 }])
  expect(await place.rows('SELECT count(*) AS n FROM public.sales')).toEqual([{ n: 93 + 58 + 93 }])
  expect(await leftovers(session)).toMatchObject({ open: [], leases: [] })
})
