import { OpenSources } from '../../backfill/open-source.ts'
import { SharedPoliteness } from '../../backfill/politeness.ts'
import { workOn } from '../../backfill/worker.ts'
import {
  type BackfillDocument,
  backfillDocument,
  refuseShort,
  sourcePlace,
  sumText,
} from '../../cli/backfill.ts'
import type { Context } from '../../cli/context.ts'
import { type RecordedRun, recorded } from '../../cli/recorded.ts'
import { toDwhError } from '../../errors.ts'
import type { Span } from '../../warehouse/values.ts'

interface Talk {
  json: boolean
  timeout: Span | undefined
  /** Chunks at the same time in this process; as many as the backfill may unless given. */
  hands?: number | undefined
}

/**
 * A run that works on backfills, one after the other. What has become of them is told however the run ends.
 *
 * @param begin what comes before the work
 * @returns the backfills as they are afterwards
 * @throws DwhError PARTLY_DONE where some window was not done, and what stops a worker
 */
export async function working(
  context: Context,
  datasets: string[],
  { json, timeout, hands }: Talk,
  begin: (run: RecordedRun) => Promise<number[]>,
): Promise<void> {
  const documents: BackfillDocument[] = []
  const look = async (backfill: number) => {
    await using session = await context.open()
    const document = await backfillDocument(session, backfill)
    documents.push(document)
    context.say(`backfill ${backfill}: ${sumText(document)}`)
    return document
  }
  try {
    await recorded(
      context,
      datasets,
      async (run) => {
        const backfills = await begin(run)
        for (const backfill of backfills) {
          try {
            await workThrough(context, run, backfill, hands)
          } catch (error) {
            // Where the server has gone the error says enough.
            await look(backfill).catch(() => {})
            throw toDwhError(error)
          }
          await look(backfill)
        }
        for (const document of documents) refuseShort(document)
        return documents.map(({ windows: _, ...sums }) => sums)
      },
      timeout,
    )
  } finally {
    if (json && documents.length > 0) context.printJson(documents.length === 1 ? documents[0] : documents)
  }
}

async function workThrough(
  context: Context,
  { session, work, run }: RecordedRun,
  backfill: number,
  hands: number | undefined,
): Promise<void> {
  const warehouse = context.warehouse()
  await using politeness = await SharedPoliteness.open(session)
  await using sources = new OpenSources(warehouse, sourcePlace(context, politeness))
  await workOn(session, work, { warehouse, sources, run, backfill, hands })
}
