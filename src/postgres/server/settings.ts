import { availableParallelism, totalmem } from 'node:os'
import type { Binaries } from './binaries.ts'

export type Settings = Record<string, string | number | boolean>

const megabyte = 1024 ** 2

/** What the server may use: memory in bytes and processor cores, of the container where there is one. */
export interface Machine {
  memory: number
  cores: number
}

export function thisMachine(): Machine {
  // constrainedMemory is the limit of the cgroup: 0 or beyond all bounds where there is none.
  const limit = process.constrainedMemory() || Number.POSITIVE_INFINITY
  return { memory: Math.min(totalmem(), limit), cores: availableParallelism() }
}

/** postgresql.conf for bulk work: few sessions, large loads, index builds and scans. */
export function serverSettings({ memory, cores }: Machine, { major, lz4 }: Binaries): Settings {
  const share = (part: number, least: number, most: number) =>
    `${Math.round(Math.min(most, Math.max(least, (memory * part) / megabyte)))}MB`
  return {
    listen_addresses: '127.0.0.1',
    // Relative to the data folder: beside it, in the folder that only the server's user may enter.
    unix_socket_directories: '..',
    unix_socket_permissions: '0700',

    shared_buffers: share(1 / 4, 128, 4096),
    effective_cache_size: share(1 / 2, 256, 65_536),
    maintenance_work_mem: share(1 / 16, 64, 2048),
    autovacuum_work_mem: share(1 / 64, 64, 512),
    work_mem: share(1 / 256, 16, 128),

    max_worker_processes: Math.max(8, 2 * cores),
    max_parallel_workers: cores,
    max_parallel_workers_per_gather: Math.max(1, Math.min(8, Math.floor(cores / 2))),
    max_parallel_maintenance_workers: Math.max(2, Math.min(8, Math.floor(cores / 2))),
    // A query on a parent with years of leaves locks each leaf and each of its indexes.
    max_locks_per_transaction: 256,

    // Bulk loads fill 1 GB (the default) many times a minute: fewer checkpoints, fewer full-page images.
    max_wal_size: '4GB',
    checkpoint_timeout: '15min',
    checkpoint_completion_target: 0.9,
    wal_compression: lz4 && major >= 15 ? 'lz4' : 'on',
    default_toast_compression: lz4 ? 'lz4' : 'pglz',
    random_page_cost: 1.1,

    timezone: 'UTC',
    lc_messages: 'C',
    log_timezone: 'UTC',
    log_line_prefix: '%m [%p] %q%u@%d %a ',
    log_checkpoints: true,
    log_lock_waits: true,
    log_temp_files: '64MB',
    log_autovacuum_min_duration: '10s',
  }
}

/** The text of postgresql.conf. */
export function renderSettings(settings: Settings): string {
  const head = [
    '# Written by `dwh dev start` at every start, for the memory and the cores of this machine.',
    '# Your own settings: ALTER SYSTEM SET …, which wins over this file.',
  ]
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${quoted(value)}`)
  return `${[...head, ...lines].join('\n')}\n`
}

/** pg_hba.conf: by the socket whoever may enter its folder, which is the server's user and root; by TCP a password. */
export const clientAuthentication = `# Written by \`dwh dev start\` when the server was initialised.
local  all          all                 trust
local  replication  all                 trust
host   all          all  127.0.0.1/32   scram-sha-256
host   replication  all  127.0.0.1/32   scram-sha-256
`

function quoted(value: string | number | boolean): string {
  if (typeof value === 'boolean') return value ? 'on' : 'off'
  return typeof value === 'number'
    ? String(value)
    : `'${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`
}
