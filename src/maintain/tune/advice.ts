import type { Machine } from '../../postgres/server/settings.ts'

/** A statement that would make the server, or a table, fit its work better; nothing is executed. */
export interface Advice {
  area: 'memory' | 'WAL' | 'parallelism' | 'connections' | 'autovacuum' | 'planner'
  /** Without a semicolon. */
  statement: string
  why: string
  /** It counts after a restart; else after a reload, or at once. */
  needs_restart: boolean
}

/** A setting as the server has it, in bytes, milliseconds or as a number; the text itself for the others. */
export interface Setting {
  value: string
  /** As in SHOW. */
  shown: string
  needs_restart: boolean
  /** What this build of the server takes, of a setting that is one of a few words. */
  choices: string[]
}

export interface ServerFacts {
  machine: Machine
  settings: ReadonlyMap<string, Setting>
  /** Of all tables of the warehouse, with their indexes. */
  bytes: number
  /** Of the largest table or leaf. */
  largest: number
  /** Locks that a query takes which cannot prune, over the widest table. */
  widestLocks: number
}

/** One setting that should be another one. */
interface Wish {
  area: Advice['area']
  name: string
  /** In bytes, milliseconds or as a number, or text. */
  wanted: number | string
  /** As it is written. */
  written: string
  why: string
  /** What is that much, or more, is left as it is; otherwise anything other than `wanted` is told. */
  least?: number
  most?: number
}

const [kB, MB, GB] = [1024, 1024 ** 2, 1024 ** 3]
const minute = 60_000

/** Settings of a server whose work is loading and reading much at once, for few people. */
export function adviseServer(facts: ServerFacts): Advice[] {
  return [
    ...memory(facts),
    ...wal(facts),
    ...parallelism(facts),
    ...connections(facts),
    ...autovacuum(facts),
    ...planner(),
  ].flatMap((wish) => advice(wish, facts))
}

function advice(
  { area, name, wanted, written, why, least, most }: Wish,
  { settings }: ServerFacts,
): Advice[] {
  const setting = settings.get(name)
  if (!setting) return []
  const { value, shown, needs_restart } = setting
  const now = Number(value)
  const isFine =
    typeof wanted === 'string'
      ? value === wanted
      : now === wanted || (least !== undefined && now >= least && now <= (most ?? Number.POSITIVE_INFINITY))
  if (isFine) return []
  const before = typeof wanted === 'number' && wanted >= MB ? readable(now) : shown
  return [
    { area, statement: `ALTER SYSTEM SET ${name} = ${written}`, why: `${why}; now ${before}`, needs_restart },
  ]
}

function memory({ machine, settings, bytes, largest }: ServerFacts): Wish[] {
  const buffers = within(machine.memory / 4, 128 * MB, 16 * GB)
  const connections = Number(settings.get('max_connections')?.value ?? 100)
  // A query sorts and hashes in several places, and in each of its workers; not every connection does at the same time.
  const work = within(machine.memory / 4 / Math.max(16, connections / 2), 4 * MB, 512 * MB)
  const upkeep = within(Math.min(machine.memory / 16, Math.max(64 * MB, largest / 4)), 64 * MB, 2 * GB)
  return [
    {
      ...size('memory', 'shared_buffers', buffers),
      why: `a quarter of ${readable(machine.memory)}, for ${readable(bytes)} of tables`,
    },
    {
      ...size('memory', 'effective_cache_size', machine.memory * 0.7),
      why: 'what the planner may believe to be in memory, of this and of the system: it reserves nothing',
    },
    {
      ...size('memory', 'maintenance_work_mem', upkeep),
      // For a small leaf much does no harm.
      most: Number.POSITIVE_INFINITY,
      why: `index builds and VACUUM of the largest leaf (${readable(largest)})`,
    },
    { ...size('memory', 'work_mem', work), why: `a sort or a hash, with ${connections} connections` },
  ]
}

function wal({ settings, bytes }: ServerFacts): Wish[] {
  const most = within(bytes / 20, 4 * GB, 32 * GB)
  const compression = settings.get('wal_compression')
  const method = ['lz4', 'pglz'].find((one) => compression?.choices.includes(one)) ?? 'on'
  return [
    {
      ...size('WAL', 'max_wal_size', most),
      most: Number.POSITIVE_INFINITY,
      why: 'a load fills the WAL fast: each checkpoint that it forces writes whole pages once more',
    },
    {
      ...{ area: 'WAL', name: 'checkpoint_timeout', wanted: 15 * minute, written: `'15min'` },
      least: 10 * minute,
      why: 'fewer checkpoints, fewer whole pages in the WAL; recovery after a crash takes a little longer',
    },
    {
      ...{ area: 'WAL', name: 'wal_compression', written: method },
      // Any is far better than none.
      wanted: compression?.value === 'off' ? method : (compression?.value ?? method),
      why: 'whole pages take a fraction of the WAL, which is written, archived and sent',
    },
  ]
}

function parallelism({ machine: { cores } }: ServerFacts): Wish[] {
  const gather = Math.max(1, Math.min(8, Math.floor(cores / 2)))
  const upkeep = Math.max(2, gather)
  const number = (name: string, wanted: number, why: string): Wish => ({
    ...{ area: 'parallelism', name, wanted, written: String(wanted), why },
    ...{ least: wanted, most: wanted * 4 },
  })
  return [
    {
      ...number(
        'max_worker_processes',
        Math.max(8, 2 * cores),
        `${cores} cores, and the workers of extensions`,
      ),
      most: Number.POSITIVE_INFINITY,
    },
    number('max_parallel_workers', cores, `one for each of ${cores} cores`),
    number('max_parallel_workers_per_gather', gather, 'one query may use half of the cores'),
    number('max_parallel_maintenance_workers', upkeep, 'index builds and VACUUM of several indexes'),
  ]
}

function connections({ settings, widestLocks, machine }: ServerFacts): Wish[] {
  const most = Number(settings.get('max_connections')?.value ?? 100)
  const prepared = Number(settings.get('max_prepared_transactions')?.value ?? 0)
  const locks = Math.max(64, Math.ceil((32 * widestLocks) / (most + prepared) / 64) * 64)
  const enough = Math.max(100, 8 * machine.cores)
  return [
    {
      ...{
        area: 'connections',
        name: 'max_locks_per_transaction',
        wanted: locks,
        written: String(locks),
        least: locks,
      },
      why: `32 queries over all leaves of the widest table take ${widestLocks} locks each`,
    },
    {
      ...{
        area: 'connections',
        name: 'max_connections',
        wanted: enough,
        written: String(enough),
        least: 20,
        most: enough,
      },
      why: 'each connection may take work_mem several times: more of them belong behind pgbouncer',
    },
  ]
}

function autovacuum({ machine: { cores } }: ServerFacts): Wish[] {
  const workers = Math.max(3, Math.min(6, cores))
  return [
    {
      ...{ area: 'autovacuum', name: 'autovacuum_max_workers', wanted: workers, written: String(workers) },
      ...{ least: workers, most: 16 },
      why: 'a large leaf keeps one of them for long',
    },
    {
      ...{
        area: 'autovacuum',
        name: 'autovacuum_vacuum_cost_limit',
        wanted: 2000,
        written: '2000',
        least: 1000,
      },
      why: 'the default, 200 shared by all workers, is of the time of slow disks: large leaves never get done',
    },
  ]
}

function planner(): Wish[] {
  return [
    {
      ...{ area: 'planner', name: 'random_page_cost', wanted: 1.1, written: '1.1', least: 1, most: 2 },
      why: 'solid-state disks seek for nearly nothing; leave it at 4 where the disks turn',
    },
    {
      ...{ area: 'planner', name: 'default_statistics_target', wanted: 500, written: '500', least: 200 },
      why: 'joins of facts with skewed dimensions are planned by the most common values that are kept',
    },
  ]
}

/** A size that is no less than half of what is wanted, and no more than twice, is left as it is. */
function size(area: Advice['area'], name: string, bytes: number): Omit<Wish, 'why'> {
  const wanted = Math.round(bytes / MB)
  return { area, name, wanted: wanted * MB, written: `'${wanted}MB'`, least: bytes / 2, most: bytes * 2 }
}

function within(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value))
}

export function readable(bytes: number): string {
  if (bytes >= GB) return `${(bytes / GB).toFixed(1)} GB`
  return bytes >= MB ? `${Math.round(bytes / MB)} MB` : `${Math.round(bytes / kB)} kB`
}
