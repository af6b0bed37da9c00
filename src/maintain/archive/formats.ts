import { join } from 'node:path'
import type { Work } from '../../events.ts'
import { type RelationName, relation } from '../../postgres/identifiers.ts'
import type { Session } from '../../postgres/session.ts'
import { readDump, restoreTable } from './dump.ts'
import { type ArchiveManifest, dataName } from './folder.ts'
import { readParquet } from './parquet.ts'

/** Files of an archived leaf, of which every byte was looked at. */
export interface ArchiveFiles {
  folder: string
  manifest: ArchiveManifest
}

/**
 * Reads the rows of an archive into a table.
 *
 * @param withGenerated the table holds the values of generated columns as if they were others
 * @throws DwhError INPUT_BROKEN
 */
export async function readRows(
  session: Session,
  work: Work,
  { folder, manifest }: ArchiveFiles,
  table: RelationName,
  withGenerated: boolean,
): Promise<number> {
  const { format, tool_version = '', columns } = manifest
  const path = join(folder, dataName(format))
  if (format === 'pg_dump') return readDump(session, work, path, tool_version, table)
  const names = columns.flatMap(({ name, is_generated }) => (is_generated && !withGenerated ? [] : name))
  return readParquet(session, work, path, table, names)
}

/** Restores an archive into a temporary table: of a dump its definition too. */
export async function restoreScratch(
  session: Session,
  work: Work,
  files: ArchiveFiles,
  like: RelationName,
  scratch: RelationName,
): Promise<void> {
  const { format, tool_version = '' } = files.manifest
  if (format === 'pg_dump')
    await restoreTable(session, work, join(files.folder, dataName(format)), tool_version, scratch)
  else await session.run(`CREATE TABLE ${relation(scratch)} (LIKE ${relation(like)})`)
  await readRows(session, work, files, scratch, true)
}
