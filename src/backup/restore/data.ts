import { DwhError } from '../../errors.ts'
import type { Work } from '../../events.ts'
import { identList, literal, type RelationName, relation, shown } from '../../postgres/identifiers.ts'
import type { Session } from '../../postgres/session.ts'
import { inTransaction } from '../../postgres/transaction.ts'
import type { BackedUpTable, Manifest } from '../manifest.ts'
import { copyText, openableFile } from './archive.ts'

/** Where a restored database keeps what it has of the backup already, until all of it is proved. */
export const restoreSchema = 'dwh_restore'
const done = relation({ schema: restoreSchema, name: 'done' })

/** Makes the table of finished tables, where there is none. */
export async function openDone(session: Session): Promise<void> {
  await session.run(`CREATE SCHEMA IF NOT EXISTS ${restoreSchema};
    CREATE TABLE IF NOT EXISTS ${done} (oid bigint PRIMARY KEY, table_name text NOT NULL, row_count bigint NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp())`)
}

/** The tables that are finished, by the OID that they had when they were backed up. */
export async function finishedTables(session: Session): Promise<Set<number>> {
  const rows = await session.rows<{ oid: number }>(`SELECT oid FROM ${done}`)
  return new Set(rows.map(({ oid }) => oid))
}

export interface CopyOrder {
  /** Of backups. */
  folder: string
  manifest: Manifest
  table: BackedUpTable
  /** The table to fill: of the same name unless it is restored aside. */
  into: RelationName
  /** It belongs to an extension, which has filled it: the rows come beside those. */
  isMember?: boolean
}

/**
 * Copies the rows of one table of a backup, with the session in a transaction. The table is emptied first and its rows are
 * written frozen: no vacuum has to read them again.
 *
 * Locks: ACCESS EXCLUSIVE on the table.
 *
 * @returns the rows
 * @throws DwhError INPUT_BROKEN where the file is not the one that was backed up, or has another number of rows
 */
export async function copyTable(session: Session, work: Work, order: CopyOrder): Promise<number> {
  const { folder, manifest, table, into, isMember = false } = order
  const columns = table.columns.length > 0 ? ` (${identList(table.columns)})` : ''
  const words = [...(isMember ? [] : ['FREEZE']), `ENCODING ${literal(manifest.database.encoding)}`]
  const file = openableFile(folder, manifest, table)
  if (!isMember) await session.run(`TRUNCATE ONLY ${relation(into)}`)
  const rows = await session.copyIn(
    `COPY ${relation(into)}${columns} FROM STDIN WITH (${words.join(', ')})`,
    copyText(file, work.signal),
  )
  if (table.rows === null || rows === table.rows) return rows
  throw new DwhError(
    'INPUT_BROKEN',
    `${file.path} has ${rows} rows of ${shown(table)}, and the manifest says ${table.rows}`,
    {
      hint: 'take another backup; see: dwh backup list',
    },
  )
}

/** Fills one table of a restored database, in one transaction with its row among the finished ones. */
export async function fillTable(session: Session, work: Work, order: CopyOrder): Promise<number> {
  return inTransaction(session, async () => {
    const rows = await copyTable(session, work, order)
    const { oid } = order.table
    await session.run(`INSERT INTO ${done} (oid, table_name, row_count) VALUES ($1, $2, $3)`, [
      oid,
      relation(order.into),
      rows,
    ])
    return rows
  })
}
