import { DwhError } from '../errors.ts'
import { ident, type RelationName, relation } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import { hasState, sqlstate } from '../postgres/sqlstate.ts'
import { inTransaction } from '../postgres/transaction.ts'
import type { Dataset } from '../warehouse/load.ts'
import type { Policy } from '../warehouse/schema.ts'
import { boundDate } from './bounds.ts'
import { inspectTarget, type Leaf } from './tree.ts'

/** Milliseconds that finding the freshest row of one dataset may take. */
const freshnessTimeout = 1000

/** The greatest value of a dataset's freshness column, or of its partition key; null where finding it takes long. */
export async function freshness(session: Session, dataset: Dataset): Promise<string | null> {
  const { partition: policy, target } = dataset
  const key = policy?.key.length === 1 ? policy.key[0] : undefined
  const column = dataset.freshness ?? key
  if (column === undefined) return null
  try {
    return await inTransaction(
      session,
      async () => {
        await session.run(`SET LOCAL statement_timeout = ${freshnessTimeout}`)
        const leaves = policy && column === key ? await leavesOf(session, target, policy) : []
        return await greatest(session, column, leaves.length > 0 ? leaves : [{ ...target, range: undefined }])
      },
      'READ ONLY',
    )
  } catch (error) {
    if (hasState(error, sqlstate.queryCanceled)) return null
    throw error
  }
}

async function leavesOf(session: Session, target: RelationName, policy: Policy): Promise<Leaf[]> {
  const found = await inspectTarget(session, target, policy).catch((error) => {
    if (error instanceof DwhError && error.code === 'TARGET_UNFIT') return undefined
    throw error
  })
  if (found?.kind !== 'partitioned') return []
  // What has no date lies before all that have one: the leaf of the unknown, the one from MINVALUE.
  const start = ({ range }: Leaf) => (range && boundDate(policy, range.from)?.toString()) ?? ''
  return found.leaves.toSorted((a, b) => (start(a) < start(b) ? 1 : -1))
}

/** No leaf before the last one with rows has a greater key; only the leaf for all the rest may have one. */
async function greatest(
  session: Session,
  column: string,
  leaves: Pick<Leaf, 'schema' | 'name' | 'range'>[],
): Promise<string | null> {
  const max = (leaf: RelationName) => `(SELECT max(${ident(column)}) FROM ${relation(leaf)})`
  const catchAll = leaves.find(({ range }) => !range)
  const rest = catchAll ? max(catchAll) : 'NULL'
  for (const leaf of leaves.filter(({ range }) => range)) {
    const { value } = await session.one<{ value: string | null }>(
      `SELECT (CASE WHEN own IS NOT NULL THEN greatest(own, ${rest}) END)::text AS value FROM (SELECT ${max(leaf)} AS own) AS leaf`,
    )
    if (value !== null) return value
  }
  return (await session.one<{ value: string | null }>(`SELECT ${rest}::text AS value`)).value
}
