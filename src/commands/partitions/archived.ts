import { DwhError } from '../../errors.ts'
import { type ArchivedLeaf, listArchives } from '../../ledger/archives.ts'
import type { PartitionedDataset } from '../../partitions/create.ts'
import { isCalled } from '../../partitions/sealed.ts'
import { parseRelation } from '../../postgres/identifiers.ts'
import type { Session } from '../../postgres/session.ts'
import { didYouMean } from '../../warehouse/nearest.ts'

/**
 * The archived leaves of a dataset by the names that they had.
 *
 * @param names all unless given
 * @throws DwhError USAGE for a name that is none
 */
export async function archivedLeaves(
  session: Session,
  { name: dataset, target }: PartitionedDataset,
  names: string[],
): Promise<ArchivedLeaf[]> {
  const all = (await listArchives(session, target)).filter(({ detached_at }) => detached_at !== null)
  if (names.length === 0) return all
  return names.map((name) => {
    const found = all.find(({ leaf }) => isCalled(parseRelation(leaf), name))
    if (found) return found
    const known = all.map(({ leaf }) => parseRelation(leaf).name)
    throw new DwhError(
      'USAGE',
      `${dataset} has no archived leaf ${JSON.stringify(name)}${didYouMean(name, known)}`,
      {
        hint:
          known.length > 0 ? `archived are ${known.join(', ')}` : 'none is archived: dwh partitions archive',
      },
    )
  })
}
