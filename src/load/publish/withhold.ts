import { DwhError } from '../../errors.ts'
import type { Work } from '../../events.ts'
import type { Lease } from '../../ledger/lease.ts'
import { failLoad, type LoadFigures } from '../../ledger/loads.ts'
import { ident, identList, type RelationName, relation } from '../../postgres/identifiers.ts'
import type { Session } from '../../postgres/session.ts'
import { Transaction } from '../../postgres/transaction.ts'
import type { ChunkFigures } from '../chunk.ts'
import { readTableColumns } from '../columns.ts'
import type { Arrival, LoadOptions } from '../options.ts'
import type { LoadTarget } from '../target.ts'
import { createGeneration, generationName } from './clear.ts'
import type { Prepared } from './prepare.ts'

/**
 * The last transaction of a chunk that its gates do not let through: its rows become a table beside the target, where nobody
 * sees them, with the ledger's rows. The load counts as failed, for nothing of it came to the target; its rejects stay.
 */
export async function withhold(
  session: Session,
  work: Work,
  lease: Lease,
  { load, landing, plan: { target } }: Arrival,
  { leaves }: Prepared,
  figures: Pick<ChunkFigures, 'records' | 'duplicates' | 'rejected' | 'outside' | 'unplanned'>,
  { chunk }: LoadOptions,
): Promise<LoadFigures> {
  if (!chunk) throw new DwhError('FAILED', 'what is no chunk cannot be withheld')
  await using transaction = await Transaction.begin(session)
  const table = generationName(target, chunk)
  await createGeneration(session, target, table)
  await dropNewColumns(session, target, table)
  const columns = identList(target.columns.map(({ name }) => name))
  let rows = 0
  for (const leaf of leaves)
    rows += await session.run(
      `INSERT INTO ${relation(table)} (${columns}) SELECT ${columns} FROM ${relation(leaf)}`,
    )
  await landing.drop(session)
  const { outside, unplanned, ...counted } = figures
  const none = { inserted: 0, updated: 0, unchanged: 0, moved: 0, replaced: 0, leaves: [] }
  const result: LoadFigures = { ...counted, ...none }
  // The cancel of a Ctrl-C that comes between two statements cancels nothing.
  work.signal.throwIfAborted()
  await failLoad(session, load, withheld(rows))
  await chunk.concluding(session, {
    load,
    outcome: 'withheld',
    figures: { ...result, outside, unplanned },
    generations: [{ ...table, kind: 'withheld', rows, difference: undefined }],
    proof: undefined,
  })
  await lease.check(session)
  await transaction.commit()
  return result
}

/** A column that came while the rows were made ready is not among theirs: whoever accepts them gives it its default. */
async function dropNewColumns(session: Session, target: LoadTarget, table: RelationName): Promise<void> {
  const known = new Set(target.columns.map(({ name }) => name))
  const drops = (await readTableColumns(session, target.oid)).flatMap(({ name }) =>
    known.has(name) ? [] : [`DROP COLUMN IF EXISTS ${ident(name)}`],
  )
  if (drops.length > 0) await session.run(`ALTER TABLE ${relation(table)} ${drops.join(', ')}`)
}

function withheld(rows: number): DwhError {
  return new DwhError(
    'GATE_FAILED',
    `${rows.toLocaleString('en')} rows are withheld: they fall short of a threshold`,
  )
}
