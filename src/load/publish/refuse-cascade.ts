import { DwhError } from '../../errors.ts'
import { shown } from '../../postgres/identifiers.ts'
import type { Session } from '../../postgres/session.ts'
import { sql } from '../../postgres/sql-files.ts'
import type { LoadTarget } from '../target.ts'

/**
 * In a transaction that has deleted rows of the target so that others take their place: what foreign keys have done to rows of
 * other tables would stay done, and no undo knows of it.
 *
 * @throws DwhError ROWS_UNFIT
 */
export async function refuseCascade(
  session: Session,
  { dataset, oid, leaves = [] }: LoadTarget,
): Promise<void> {
  const oids = [oid, ...leaves.map((leaf) => leaf.oid)]
  const [key] = await session.rows<{ name: string; of: string }>(sql('load/cascading_keys'), [oids])
  if (!key) return
  throw new DwhError(
    'ROWS_UNFIT',
    `rows of ${shown(dataset.target)} cannot give way: foreign key ${key.name} would delete or change rows of ${key.of} with them; nothing was changed`,
    {
      hint: `load the rows so that they are merged, or let ${key.of} refer to them without ON DELETE CASCADE, SET NULL or SET DEFAULT`,
    },
  )
}
