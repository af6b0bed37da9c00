import { DwhError } from '../../errors.ts'
import { isPartitioned } from '../../partitions/create.ts'
import { type Machine, thisMachine } from '../../postgres/server/settings.ts'
import type { Session } from '../../postgres/session.ts'
import { sql } from '../../postgres/sql-files.ts'
import type { Warehouse } from '../../warehouse/load.ts'
import { closedLeaves } from '../freeze.ts'
import { bytesOf, readTables } from '../tables.ts'
import { type Advice, adviseServer, type Setting } from './advice.ts'
import { adviseTables } from './tables.ts'

const names = [
  'shared_buffers',
  'effective_cache_size',
  'maintenance_work_mem',
  'work_mem',
  'max_wal_size',
  'checkpoint_timeout',
  'wal_compression',
  'max_worker_processes',
  'max_parallel_workers',
  'max_parallel_workers_per_gather',
  'max_parallel_maintenance_workers',
  'max_connections',
  'max_prepared_transactions',
  'max_locks_per_transaction',
  'autovacuum_max_workers',
  'autovacuum_vacuum_cost_limit',
  'random_page_cost',
  'default_statistics_target',
]

export interface Tuning {
  machine: Machine
  advice: Advice[]
}

/**
 * Compares the settings of the server and the tables of a warehouse with what the machine and the tables call for; reads only.
 *
 * @param given where the server runs on another machine
 * @throws DwhError USAGE where the machine is not known
 */
export async function tune(session: Session, warehouse: Warehouse, given: Partial<Machine>): Promise<Tuning> {
  const { is_local } = await session.one<{ is_local: boolean }>(sql('maintain/server'))
  const machine = machineOf(is_local, given)
  const rows = await session.rows<Setting & { name: string }>(sql('maintain/settings'), [names])
  const tables = await readTables(session, warehouse.datasets)
  const oids = tables.map(({ oid }) => oid)
  const widest = await session.row<{ locks: number }>(sql('doctor/widest_tree'))
  const options = await session.rows<{ oid: number; name: string; value: string }>(sql('maintain/storage'), [
    oids,
  ])
  const parameters = new Map(
    [...Map.groupBy(options, ({ oid }) => oid)].map(([oid, all]) => [
      oid,
      new Map(all.map(({ name, value }) => [name, value])),
    ]),
  )
  const closed = new Set<number>()
  for (const dataset of warehouse.datasets.filter(isPartitioned))
    for (const oid of await closedLeaves({ session }, dataset, warehouse.maintenance.freeze_after))
      closed.add(oid)
  const facts = {
    ...{ machine, settings: new Map(rows.map((row) => [row.name, row])) },
    bytes: tables.reduce((sum, table) => sum + bytesOf(table), 0),
    largest: Math.max(0, ...tables.map(bytesOf)),
    widestLocks: widest?.locks ?? 0,
  }
  return { machine, advice: [...adviseServer(facts), ...adviseTables(tables, closed, parameters)] }
}

function machineOf(isLocal: boolean, { memory, cores }: Partial<Machine>): Machine {
  if (memory !== undefined && cores !== undefined) return { memory, cores }
  if (!isLocal) {
    throw new DwhError('USAGE', 'the server runs on another machine, which cannot be seen from here', {
      hint: 'say what it has, such as: --memory "64 GB" --cores 16',
    })
  }
  const here = thisMachine()
  return { memory: memory ?? here.memory, cores: cores ?? here.cores }
}
