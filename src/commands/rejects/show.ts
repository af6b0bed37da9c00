import { argument, command, option, positiveInteger, shared } from '../../cli/command.ts'
import { plural, printable } from '../../cli/format.ts'
import { DwhError } from '../../errors.ts'
import { eachReject, type KeptReject, listRejectLoads } from '../../ledger/rejects.ts'
import { loadArgument, theLoad } from './find.ts'
import { loadText, originalText, reasonText, rejectDocument } from './text.ts'

/** Bytes of a row that are shown. */
const shownBytes = 400

export const rejectsShow = command({
  name: 'show',
  summary: 'show refused rows with their bytes and every reason',
  description: 'Rows are cut where they are long; with --json they are whole.',
  arguments: {
    load: loadArgument,
    record: argument('[record]', 'number of the record in the input', positiveInteger.optional()),
  },
  options: {
    limit: option('--limit <n>', 'how many at the most', positiveInteger.default(20)),
    json: shared.json,
  },
  examples: ['dwh rejects show 12', 'dwh rejects show 12 4711 --json'],
  async run(context, { load, record, limit, json }) {
    await using session = await context.openReadOnly()
    const { input } = await theLoad(session, load)
    const [found] = await listRejectLoads(session, { load })
    const one = record === undefined ? { limit } : { from: record, limit: 1 }
    const rejects: KeptReject[] = []
    for await (const reject of eachReject(session, load, one)) rejects.push(reject)
    if (record !== undefined && rejects[0]?.record !== record) {
      const hint = `see: dwh rejects show ${load}`
      throw new DwhError('USAGE', `record ${record} of load ${load} is no reject`, { hint })
    }
    if (json) return context.printJson(rejects.map(rejectDocument))
    if (!found) return context.say(`load ${load} has no rejects`)
    context.print(loadText(found))
    for (const reject of rejects) context.print(`\n${rejectText(input, reject)}`)
    const more = record === undefined ? found.kept - rejects.length : 0
    if (more > 0) context.say(`\n${plural(more, 'reject')} more: see --limit, or dwh rejects export ${load}`)
  },
})

function rejectText(
  input: string,
  { record, line, offset, original, reasons, replayed_by }: KeptReject,
): string {
  const again = replayed_by === null ? '' : `, replayed by load ${replayed_by}`
  return [
    `${printable(input)}:${line}  record ${record}, byte ${offset}${again}`,
    `  ${originalText(original, shownBytes)}`,
    ...reasons.map((reason) => `  - ${printable(reasonText(reason))}`),
  ].join('\n')
}
