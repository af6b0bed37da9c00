import type { Work } from '../events.ts'
import { literal, relation } from '../postgres/identifiers.ts'
import { climb } from '../postgres/ladder.ts'
import { Session } from '../postgres/session.ts'
import type { Target } from '../postgres/target.ts'
import { Transaction } from '../postgres/transaction.ts'
import { proofColumns } from '../proof/columns.ts'
import { type Proof, proveRelation } from '../proof/hash.ts'
import type { ScopedTable } from './scope.ts'

/**
 * Proves tables as a snapshot sees them, on a connection of its own beside the dump: largest first, as pg_dump goes too, so
 * that one finds in memory what the other has read. Each table has a short transaction, because planning a scan
 * locks every index of the table, and the lock table of the server would not hold those of thousands of leaves.
 *
 * @param proved is told of each table that is done
 */
export async function proveTables(
  target: Target,
  work: Work,
  snapshot: string,
  tables: ScopedTable[],
  application: string,
  proved: (table: ScopedTable) => void,
): Promise<Map<number, Proof>> {
  await using session = await Session.open(target, application, work)
  const proofs = new Map<number, Proof>()
  for (const table of tables) {
    const columns = await proofColumns(session, table.oid)
    proofs.set(table.oid, await proveAt(session, work, snapshot, table, columns))
    proved(table)
  }
  return proofs
}

/** The table itself is held by the snapshot's keeper, but whoever waits for that one stands in front of us. */
async function proveAt(
  session: Session,
  work: Work,
  snapshot: string,
  table: ScopedTable,
  columns: Awaited<ReturnType<typeof proofColumns>>,
): Promise<Proof> {
  return climb(session, work, { relations: [table] }, async (timeout) => {
    await using transaction = await Transaction.begin(session, 'ISOLATION LEVEL REPEATABLE READ, READ ONLY')
    await session.run(`SET TRANSACTION SNAPSHOT ${literal(snapshot)}; SET LOCAL lock_timeout = ${timeout}`)
    const proof = await proveRelation(session, columns, `ONLY ${relation(table)}`)
    await transaction.commit()
    return proof
  })
}
