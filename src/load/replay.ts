import { DwhError } from '../errors.ts'
import { type Load, listLoads } from '../ledger/loads.ts'
import { ledgerPresence } from '../ledger/migrations.ts'
import { endedBy, lineEndOf } from '../ledger/originals.ts'
import { eachReject } from '../ledger/rejects.ts'
import { shown } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import { type Input, inputOf } from '../sources/file/find.ts'
import { spool } from '../sources/file/spool.ts'
import type { Dataset } from '../warehouse/load.ts'

/**
 * The load whose rejects are to be loaded.
 *
 * @throws DwhError USAGE when there is none, or when nothing of it was loaded
 */
export async function replayable(session: Session, load: number): Promise<Load> {
  const [found] = (await ledgerPresence(session)).has_loads ? await listLoads(session, { load }) : []
  if (!found) throw new DwhError('USAGE', `there is no load ${load}`, { hint: 'see: dwh rejects list' })
  if (found.state === 'superseded') {
    throw new DwhError('USAGE', `load ${found.superseded_by} has loaded the file of load ${load} once more`, {
      hint: `its rejects count: dwh rejects replay ${found.superseded_by}`,
    })
  }
  if (found.state !== 'done') {
    throw new DwhError(
      'USAGE',
      `load ${load} is ${found.state}: nothing of ${found.input} was loaded by it`,
      {
        hint: 'load the whole file again',
      },
    )
  }
  return found
}

/** @throws DwhError USAGE for a load of another table */
export function requireSameTable({ load, schema_name, table_name }: Load, { name, target }: Dataset): void {
  if (schema_name === target.schema && table_name === target.name) return
  const table = shown({ schema: schema_name, name: table_name })
  throw new DwhError('USAGE', `load ${load} went to ${table}, and dataset ${name} is ${shown(target)}`)
}

/**
 * The open rejects of a load as an input: their bytes as they were, in order, behind the header of their file.
 *
 * @param folder where they are put aside
 * @returns how many they are; to be closed even where there are none
 */
export async function replayInput(
  session: Session,
  { load, header, reading }: Load,
  folder: string,
): Promise<{ input: Input; rejects: number }> {
  const isJson = reading.format === 'ndjson'
  const lineEnd = lineEndOf(header)
  let rejects = 0
  const bytes = async function* () {
    if (header) yield endedBy(header, lineEnd)
    for await (const { original } of eachReject(session, load, { open: true })) {
      rejects += 1
      yield endedBy(isJson ? inOneLine(original) : original, lineEnd)
    }
  }
  const stored = await spool(`rejects of load ${load}`, bytes(), folder)
  return { input: inputOf(stored, null, folder, async () => stored[Symbol.asyncDispose]()), rejects }
}

/** Within values of JSON line ends are escaped: those that stand there as they are mean nothing. */
function inOneLine(json: Buffer): Buffer {
  return Buffer.from(json.toString('latin1').replace(/[\r\n]+/g, ' '), 'latin1')
}
