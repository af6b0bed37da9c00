import { beforeAll, describe, expect, test } from 'vitest'
import { sql } from '../../../src/postgres/sql-files.ts'
import { dwh, dwhDone, type Moment } from '../../support/cli.ts'
import { databaseTemplate, freshDatabase } from '../../support/database.ts'
import { everyFault } from '../../support/faults.ts'
import { fc } from '../../support/random.ts'
import { server } from '../../support/servers.ts'
import { command, csv, endState, loadWarehouse, stepsOf, tables, type Way, ways } from './fixture.ts'

/** Where a load is killed, and whether it had been committed by then. */
interface Fault {
  way: Way
  where: string
  at: Moment
  committed: boolean
}

const started = (step: string) => ({ type: 'step', step, state: 'started' }) as const
const done = (step: string) => ({ type: 'step', step, state: 'done' }) as const
const ran = (text: string) => ({ type: 'statement', sql: text }) as const
const lastCheck = ran(sql('ledger/check_lease').text)

function faultsOf(way: Way): Fault[] {
  const fault = (where: string, at: Moment, committed = false) => ({ way, where, at, committed })
  return [
    ...stepsOf(way).flatMap((step) => [
      fault(`before ${step}`, started(step)),
      ...(step === 'publish' ? [] : [fault(`within ${step}`, { type: 'progress', step })]),
      fault(`after ${step}`, done(step), step === 'publish'),
    ]),
    fault('before the last COMMIT', lastCheck),
    fault('after the last COMMIT', [lastCheck, ran('COMMIT')], true),
  ]
}

const faults = ways.flatMap(faultsOf)
/** One of each way, and both sides of the COMMIT of one. */
const sample = [
  ...ways.flatMap((way) => fc.sample(fc.constantFrom(...faultsOf(way).slice(0, -2)), 1)),
  ...fc.sample(fc.constantFrom(...ways), 1).flatMap((way) => faultsOf(way).slice(-2)),
]

describe('a load that is killed is begun again by the same command', () => {
  const template = databaseTemplate(server, tables)
  const uninterrupted = new Map<Way, Awaited<ReturnType<typeof endState>>>()

  beforeAll(async () => {
    await using database = await freshDatabase(server, { template: template.name })
    using warehouse = loadWarehouse()
    await using session = await database.open()
    for (const way of ways) {
      await dwhDone(command(way), warehouse.at(database.target))
      uninterrupted.set(way, await endState(session, way))
    }
  })

  test('what an uninterrupted load does', () => {
    const figures = Object.fromEntries(
      ways.map((way) => {
        const { loads, rejects, landings } = uninterrupted.get(way) as Awaited<ReturnType<typeof endState>>
        expect({ rejects: rejects.length, landings }).toEqual({ rejects: 9, landings: [] })
        return [way, loads[0]]
      }),
    )
    expect(figures).toMatchObject({
      aside: { strategy: 'aside', records: 930, inserted: 891, duplicates: 30 },
      rebuilt: { strategy: 'aside', records: 930, inserted: 891, duplicates: 30 },
      merged: { strategy: 'merge', records: 930, inserted: 445, updated: 446, duplicates: 30 },
      scoped: { strategy: 'scope', records: 930, inserted: 921, replaced: 20 },
      appended: { strategy: 'append', records: 900, inserted: 891 },
    })
  })

  test.each(everyFault ? faults : sample)('$way, killed with -9 $where', async ({ way, at, committed }) => {
    await using database = await freshDatabase(server, { template: template.name })
    using warehouse = loadWarehouse()
    const options = warehouse.at(database.target)
    await using session = await database.open()
    const killed = await dwh(command(way), { ...options, killAt: at })
    expect(killed).toMatchObject({ code: null, signal: 'SIGKILL' })
    const loads = await session.rows('SELECT finished_at IS NOT NULL AS finished FROM dwh.loads')
    if (loads.length > 0) expect(loads).toEqual([{ finished: committed }])

    await dwhDone(command(way), options)
    expect(await endState(session, way)).toEqual(uninterrupted.get(way))
  })

  const pieces = everyFault ? [1, 2, 3, 4, 5] : fc.sample(fc.integer({ min: 2, max: 5 }), 1)
  test.each(pieces)('killed once %i pieces of a file of many were sent', async (sent) => {
    await using database = await freshDatabase(server, { template: template.name })
    using warehouse = loadWarehouse()
    warehouse.write('dirty.csv', csv(450_000, { duplicates: 1000 }))
    const options = warehouse.at(database.target)
    const progress = { type: 'progress', step: 'send' } as const
    const killAt = Array.from({ length: sent }, () => progress)
    expect(await dwh(command('aside'), { ...options, killAt })).toMatchObject({ signal: 'SIGKILL' })
    await dwhDone(command('aside'), options)
    await using session = await database.open()
    expect(await endState(session, 'aside')).toMatchObject({
      table: { rows: [{ n: 449_991 }] },
      loads: [{ records: 451_000, inserted: 449_991, duplicates: 1000, rejected: 9 }],
      landings: [],
      open: [],
      idle: [],
    })
  })
})
