import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ensureLedger } from '../../src/migrate/apply.ts'
import { backfillPlace, backfillTemplate, endState, tables } from '../backfill/fixture.ts'
import { apiServer } from '../support/api-server.ts'
import { chronicle, hubeau, within } from '../support/apis/hubeau.ts'
import { dwh, dwhDone } from '../support/cli.ts'
import { freshDatabase } from '../support/database.ts'
import { server } from '../support/servers.ts'
import { smallDisk, smallFolder } from '../support/small-disk.ts'
import { testWarehouse } from '../support/warehouse.ts'
import { quietWork } from '../support/work.ts'

const says = (pattern: RegExp) => expect.stringMatching(pattern)
const mounting = 'a small disk can only be mounted by root'
const run = ['backfill', 'run', '--dataset', 'sales', '--from', '2024-01-01', '--to', '2024-04-01', '--yes']
const perDay = 300
const backfills = backfillTemplate(server)

test('a disk of the server that fills up pauses the run; with room the same command ends as if nothing had been', async (context) => {
  await using disk = await smallDisk()
  if (!disk) return context.skip(mounting)
  await ensureLedger(disk.session, quietWork())
  await disk.session.run(`${tables}; ALTER TABLE public.sales SET TABLESPACE ${disk.tablespace}`)
  await using place = await backfillPlace(server, { name: '' }, { perDay, target: disk.target })
  const ballast = join(disk.folder, 'ballast')
  // Room for less than three months.
  writeFileSync(ballast, Buffer.alloc(15.25 * 1024 * 1024))
  expect(await dwh([...run, '--parallel', '1'], place.at)).toMatchObject({
    code: 1,
    stderr: says(
      /error DISK_FULL sales\/shop 2024-0[123]-01 to .*No space left on device\nhint +backfill 1 is paused: free some room, and then: dwh backfill retry 1/,
    ),
  })
  // Nothing of the window that did not fit is there, and the next ones have not begun.
  const { chunks, rows, ...left } = await endState(disk.session)
  const sent = chunks.reduce((sum, { rows }) => sum + Number(rows), 0)
  expect(rows).toMatchObject([{ count: sent }])
  expect(sent).toBeLessThan(91 * perDay)
  expect(left).toMatchObject({ tables: [], loads: [], leases: [] })
  // Whoever has not read the hint is told again.
  expect(await dwh(run, place.at)).toMatchObject({
    code: 6,
    stderr: says(/run 1 is paused, and has these windows/),
  })

  rmSync(ballast)
  expect(await dwh(['backfill', 'retry', '1', '--yes'], place.at)).toMatchObject({
    code: 0,
    stderr: says(/3 of 3 windows done; 27,300 rows/),
  })
  await using other = await backfillPlace(server, backfills, { perDay })
  await dwhDone(run, other.at)
  expect(await endState(disk.session)).toEqual(await endState(other.session))
  expect(
    await disk.session.rows(
      "SELECT t.spcname FROM pg_class AS c JOIN pg_tablespace AS t ON t.oid = c.reltablespace WHERE c.relname LIKE 'sales_2024%' AND c.relkind = 'r' GROUP BY 1",
    ),
  ).toEqual([{ spcname: disk.tablespace }])
})

test('a disk of this machine that has no room for what is fetched pauses the run too', async (context) => {
  using small = smallFolder('1m')
  if (!small) return context.skip(mounting)
  const rows = chronicle('2024-01-01', 60, 100)
  await using api = await apiServer([hubeau({ rows: (_, question) => within(rows, question) })])
  await using database = await freshDatabase(server)
  await using session = await database.open()
  await ensureLedger(session, quietWork())
  await session.run(
    'CREATE TABLE public.measure (ts timestamptz PRIMARY KEY, value numeric) PARTITION BY RANGE (ts)',
  )
  using warehouse = testWarehouse({
    datasets: {
      measure: {
        target: 'public.measure',
        key: 'ts',
        map: { ts: 'to_timestamp(timestamp_mesure::bigint / 1000.0)', value: 'niveau_nappe_eau' },
        partition: { key: 'ts', kind: 'timestamptz', grain: 'month', from: '2024-01', premake: 0 },
        sources: {
          piezo: {
            kind: 'http',
            url: `${api.base}/api/v1/niveaux_nappes/chroniques`,
            query: { date_debut_mesure: '{from}', date_fin_mesure: '{last}' },
            count: 'count',
            pages: { by: 'next_link' },
          },
        },
      },
    },
  })
  const { cwd, env } = warehouse.at(database.target)
  const words = ['backfill', 'run', '--dataset', 'measure', '--month', '2024-01', '--yes']
  const full = await dwh(words, { cwd, env: { ...env, DWH_STATE_DIR: small.folder } })
  expect(full).toMatchObject({
    code: 1,
    stderr: says(/error DISK_FULL [\s\S]*spool[\s\S]*backfill retry 1/),
  })
  expect(readdirSync(join(small.folder, 'spool'))).toEqual([])
  expect(await session.rows('SELECT FROM public.measure')).toEqual([])
  // Elsewhere there is room.
  await dwhDone(['backfill', 'retry', '1', '--yes'], { cwd, env })
  expect(await session.one('SELECT count(*)::int AS n FROM public.measure')).toEqual({ n: 3100 })
})
