import { describe, expect, test } from 'vitest'
import type { DwhEvent } from '../../src/events.ts'
import { dwhDone, ended, startDwh } from '../support/cli.ts'
import { servers } from '../support/servers.ts'
import { until, untilStopped } from '../support/until.ts'
import { chunkPlace, chunkTemplate, days, measure } from './chunk-place.ts'

const january = { from: '2024-01-01', to: '2024-02-01' }
const publishing: Partial<DwhEvent> = { type: 'step', step: 'publish', state: 'started' }

describe.each(servers)('kill -9 on $name', (server) => {
  const template = chunkTemplate(server)

  /** A command that is killed when its last transaction has exchanged the rows and writes down where the former ones are. */
  async function killed(place: Awaited<ReturnType<typeof chunkPlace>>, words: string[]) {
    const child = startDwh(words, { ...place.at, stopAt: publishing })
    const result = ended(child)
    await untilStopped(child.pid)
    await using holding = await place.database.open()
    await holding.run('BEGIN')
    await holding.run('LOCK TABLE dwh.generations IN EXCLUSIVE MODE')
    child.kill('SIGCONT')
    const waiting = `SELECT FROM pg_stat_activity AS a JOIN pg_locks AS l USING (pid)
                      WHERE a.datname = current_database() AND a.wait_event_type = 'Lock' AND a.query LIKE '%dwh.generations%'
                        AND l.relation = 'public.measure'::regclass AND l.mode = 'AccessExclusiveLock' AND l.granted`
    await until(place.session, waiting)
    child.kill('SIGKILL')
    await result
    await holding.run('ROLLBACK')
    await until(
      place.session,
      `SELECT WHERE NOT EXISTS (SELECT FROM pg_locks WHERE relation = 'public.measure'::regclass AND pid <> pg_backend_pid())`,
    )
  }

  test('within the exchange of a forced window, and of its undo, leaves what was there; the same command does it then', async () => {
    await using place = await chunkPlace(server, template, { measure })
    const state = async () => ({
      rows: await place.rows('SELECT count(*), sum(value)::int AS sum FROM measure'),
      tables: await place.rows(
        `SELECT regexp_replace(relname, '\\d{2,}$', 'N') AS name FROM pg_class WHERE relkind = 'r' AND relname ~ '^(measure|dwh_chunk)_' ORDER BY 1`,
      ),
      verified: (({ certified, differences }) => ({ certified, differences }))(await place.verify()),
    })
    place.put('data/2024-01-01.csv', days('2024-01-01', '2024-02-01'))
    await place.backfill('measure', [january])
    const old = await state()
    place.put('data/2024-01-01.csv', days('2024-01-01', '2024-02-01', { perDay: 3, value: () => 7 }))
    const words = [
      'backfill',
      'run',
      '--dataset',
      'measure',
      '--month',
      '2024-01',
      '--force',
      '--no-backup',
      '--yes',
    ]
    await killed(place, words)
    expect({ ...(await state()), tables: old.tables }).toEqual(old)
    expect(await place.rows("SELECT relname FROM pg_class WHERE relname LIKE 'dwh\\_chunk\\_%'")).toEqual([])
    await dwhDone(words, place.at)
    const fresh = await state()
    expect(fresh).toMatchObject({ rows: [{ count: 93, sum: 651 }], verified: { differences: 0 } })

    const [{ run }] = (await place.rows('SELECT max(backfill) AS run FROM dwh.chunks')) as [{ run: number }]
    const undoing = ['backfill', 'undo', String(run), '--yes']
    await killed(place, undoing)
    expect(await state()).toEqual(fresh)
    await dwhDone(undoing, place.at)
    expect(await state()).toMatchObject({ rows: old.rows, verified: old.verified })
  })
})
