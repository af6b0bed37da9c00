import { createHash } from 'node:crypto'
import type { Work } from '../events.ts'
import { findFinishedLoad, hasLoadOfSize, type Load } from '../ledger/loads.ts'
import type { Replay } from '../ledger/rejects.ts'
import type { Session } from '../postgres/session.ts'
import { encodingOf } from '../sources/file/encoding.ts'
import type { Input } from '../sources/file/find.ts'
import type { Reader } from '../sources/file/reader.ts'
import { declaredDefault } from './columns.ts'
import type { LoadTarget } from './target.ts'

/** What a load says of its reading beside the reader. */
interface Said {
  decimalComma: boolean
  replay?: Replay | undefined
}

/** What a file is to the ledger: the same file, read in another way, is another one. */
export function mappingHash(target: LoadTarget, reader: Reader, { decimalComma, replay }: Said): string {
  const { plan, dataset } = target
  const columns = plan.filled.map(({ column, from }) => [
    column.name,
    'input' in from ? (plan.input[from.input] as string) : { expression: from.expression },
  ])
  const rules = Object.entries(dataset.columns).flatMap(([name, column]) => {
    const fallback = declaredDefault(dataset, name) ?? null
    return column.required || fallback !== null ? [[name, column.required, fallback]] : []
  })
  const what: unknown[] = [columns, reader.dialect, dataset.references, dataset.key ?? null]
  if (dataset.nulls_equal) what.push('NULLs are equal')
  if (rules.length > 0) what.push(rules)
  // Only what is unusual counts, so that a file that was loaded by an older version stays known.
  if (decimalComma) what.push('decimal comma')
  const { header, format, encoding } = reader.reading
  if (header === false) what.push('no header')
  const name = encodingOf(encoding).name
  if (format === 'ndjson' && name !== 'UTF8') what.push(name)
  // The same rows may be refused again and again.
  if (replay?.rejects !== undefined) what.push(replay.load)
  return createHash('sha256').update(JSON.stringify(what)).digest('hex')
}

/**
 * The load that has brought this file into the table already; its hash is only computed where a file of its size was loaded.
 */
export async function findEarlier(
  session: Session,
  work: Work,
  input: Input,
  target: LoadTarget,
  mapping: string,
): Promise<Load | undefined> {
  const table = target.dataset.target
  if (!(await hasLoadOfSize(session, table, input.bytes))) return undefined
  return findFinishedLoad(session, table, { bytes: input.bytes, sha256: await input.digest(work), mapping })
}
