import { deepStrictEqual } from 'node:assert'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Temporal } from 'temporal-polyfill'
import { planBackfill } from '../../../src/backfill/plan.ts'
import { choosePairs, type Request } from '../../../src/backfill/request.ts'
import { writePlan } from '../../../src/backfill/write-plan.ts'
import { claimChunk, finishChunk } from '../../../src/ledger/chunks.ts'
import type { Session } from '../../../src/postgres/session.ts'
import { inTransaction } from '../../../src/postgres/transaction.ts'
import { loadWarehouse, type Warehouse } from '../../../src/warehouse/load.ts'
import type { Stage, Unit, Way } from '../bench.ts'
import { clientEnvironment, cloneDatabase, database } from '../database.ts'
import { psql } from '../load/targets.ts'
import { runDwh } from '../measure.ts'

export const plan = 'plan'
/** The bars of a plan are seconds: here is one of them. */
const unit: Unit = { work: plan, way: 'one second, slept' }

const template = 'bench_plan'
const datasets = ['sales', 'visits', 'orders']
const windows = 10 * 12 * datasets.length

const warehouse = `
name: bench
datasets:
${datasets
  .map(
    (name) => `  ${name}:
    target: public.${name}
    key: [id, day]
    partition: { key: day, kind: date, grain: month, from: 2013-01, premake: 0 }
    sources: { files: { kind: file, path: 'data/${name}-{year}-{month}.csv' } }
`,
  )
  .join('')}`

const tables = datasets
  .map((name) => `CREATE TABLE ${name} (id int, day date, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);`)
  .join('')

const figures = {
  ...{ records: 1000, inserted: 1000, updated: 0, unchanged: 0, moved: 0, replaced: 0, duplicates: 0 },
  ...{ rejected: 0, outside: 0, announced: null, requests: 0, bytes: 0, seconds: 1 },
}

/** Ten years of three datasets by the month, beside a year that is done already; and what the ledger costs a window. */
export async function planWays({ server, held }: Stage): Promise<Way[]> {
  const folder = mkdtempSync(join(tmpdir(), 'dwh-bench-'))
  held.defer(() => rmSync(folder, { recursive: true }))
  mkdirSync(join(folder, 'data'))
  writeFileSync(join(folder, 'dwh.yaml'), warehouse)
  const described = loadWarehouse(join(folder, 'dwh.yaml'))
  await using admin = await server.open()
  await admin.run(`CREATE DATABASE ${template}`)
  await psql(clientEnvironment(server, template), tables)
  await runDwh(folder, ['migrate', 'up', '--yes'], clientEnvironment(server, template))
  {
    await using session = await server.open(template)
    await write(session, described, 1, 2013, 2014)
    await workThrough(session, 1)
  }
  const env = { ...clientEnvironment(server), DWH_STATE_DIR: folder }
  const prepare = () => cloneDatabase(server, template)
  return [
    {
      ...unit,
      prepare,
      run: async () => {
        await sleep(1000)
        return { seconds: 1 }
      },
    },
    {
      ...{ work: plan, way: 'dwh', bar: 1 },
      prepare,
      run: async () => {
        const words = ['backfill', 'plan', '--all', '--from', '2014-01-01', '--to', '2024-01-01', '--json']
        const started = performance.now()
        const { stdout, rss_mb } = await runDwh(folder, words, env)
        const seconds = (performance.now() - started) / 1000
        const taken = JSON.parse(stdout).windows.filter(({ taken }: { taken: boolean }) => taken)
        deepStrictEqual(taken.length, windows, 'not every window is planned')
        return { seconds, rss_mb }
      },
    },
    {
      ...{ work: plan, way: 'dwh, planned and written in a process that runs', bar: 1 },
      prepare,
      run: async () => {
        await using session = await server.open(database)
        const started = performance.now()
        deepStrictEqual(await write(session, described, 2, 2014, 2024), windows)
        return { seconds: (performance.now() - started) / 1000 }
      },
    },
    {
      ...{ work: plan, way: 'dwh, the ledger of one window: claim and finish', bar: 0.02 },
      prepare,
      run: async () => {
        await using session = await server.open(database)
        await write(session, described, 2, 2014, 2024)
        const started = performance.now()
        deepStrictEqual(await workThrough(session, 2), windows)
        return { seconds: (performance.now() - started) / 1000 / windows }
      },
    },
  ].map((way) => ({ ...way, unit }))
}

async function write(session: Session, warehouse: Warehouse, run: number, from: number, to: number) {
  const pairs = choosePairs(warehouse, {
    ...{ datasets: [], all: true, source: undefined, chunk: undefined, parameters: {} },
  })
  const spans = [{ from: new Temporal.PlainDate(from, 1, 1), to: new Temporal.PlainDate(to, 1, 1) }]
  const request: Request = { pairs, spans, order: 'oldest', taking: 'usual' }
  const planned = await planBackfill(session, warehouse, request, Temporal.Now.instant())
  const settings = { force: false, delay: null, retries: 3, stop_on_error: false, hours: null }
  return writePlan(session, warehouse, planned, run, { parallel: 2, settings })
}

/** @returns the windows that were claimed and finished */
async function workThrough(session: Session, backfill: number): Promise<number> {
  for (let done = 0; ; done++) {
    const claim = await claimChunk(session, backfill, 1)
    if (claim === undefined || claim === 'busy') return done
    const end = { outcome: 'done', load: undefined, fingerprint: 'x', watermark: undefined } as const
    await inTransaction(session, () =>
      finishChunk(session, claim, { ...end, figures, gates: [], proof: undefined }),
    )
  }
}
