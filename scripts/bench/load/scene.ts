import { deepStrictEqual } from 'node:assert'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BenchServer, Stage } from '../bench.ts'
import { database } from '../database.ts'
import { writeWarehouses } from './dwh.ts'
import {
  type Contents,
  contents,
  type FileName,
  files,
  makeRows,
  type Outcome,
  outcomes,
  writeRows,
} from './rows.ts'
import { leafCount, type TargetName } from './targets.ts'

/** What the loads of a bench share. */
export interface Scene {
  /** With the files, and a folder for each warehouse; deleted at the end. */
  folder: string
  /** What a table must hold after a load. */
  expected: Record<Outcome, Contents>
}

const source = 'bench_rows'

/** Makes the rows on the server, writes the files that are needed, and drops the rows again. */
export async function setScene(stage: Stage, needed: Set<FileName>): Promise<Scene> {
  const folder = mkdtempSync(join(tmpdir(), 'dwh-bench-'))
  stage.held.defer(() => rmSync(folder, { recursive: true }))
  writeWarehouses(folder)
  await using admin = await stage.server.open()
  await admin.run(`CREATE DATABASE ${source}`)
  const expected = await makeFiles(stage, needed, folder)
  await admin.run(`DROP DATABASE ${source} WITH (FORCE)`)
  return { folder, expected }
}

async function makeFiles(
  { server, rows, say }: Stage,
  needed: Set<FileName>,
  folder: string,
): Promise<Record<Outcome, Contents>> {
  await using session = await server.open(source)
  say('making the rows')
  await makeRows(session, rows)
  for (const file of needed) {
    say(`writing ${files[file].name}`)
    await writeRows(session, file, folder)
  }
  const expected: Partial<Record<Outcome, Contents>> = {}
  for (const outcome of Object.keys(outcomes) as Outcome[])
    expected[outcome] = await contents(session, 'public.made', outcomes[outcome])
  return expected as Record<Outcome, Contents>
}

/** Refuses a load that was fast and wrong: other rows than expected, or leaves and indexes that are missing. */
export async function verify(server: BenchServer, target: TargetName, expected: Contents): Promise<void> {
  await using session = await server.open(database)
  const table = target === 'heap' ? 'public.heap' : 'public.measure'
  deepStrictEqual(await contents(session, table), expected, `${table} does not hold what it should`)
  if (target === 'heap') return
  const shape = await session.one<{ leaves: number; indexes: number }>(`
    SELECT count(*) FILTER (WHERE t.isleaf) AS leaves,
           sum((SELECT count(*) FROM pg_index AS i WHERE i.indrelid = t.relid AND i.indisvalid))::int AS indexes
      FROM pg_partition_tree('${table}') AS t`)
  const indexes = target === 'leaves' ? 0 : 3
  const whole = { leaves: leafCount, indexes: indexes * (1 + leafCount) }
  deepStrictEqual(shape, whole, `the tree of ${table} is not whole`)
}

/** Refuses a load whose ledger has not kept every broken row. */
export async function verifyRejects(server: BenchServer, expected: number): Promise<void> {
  await using session = await server.open(database)
  const { kept } = await session.one<{ kept: number }>('SELECT count(*) AS kept FROM dwh.rejects')
  deepStrictEqual(kept, expected, 'the ledger does not hold every broken row')
}
