import { z } from 'zod'
import { command, flag, option } from '../../cli/command.ts'
import { DwhError } from '../../errors.ts'
import { endedBy, lineEndOf } from '../../ledger/originals.ts'
import { eachReject, type KeptReject } from '../../ledger/rejects.ts'
import { loadArgument, theLoad } from './find.ts'
import { reasonText, rejectDocument } from './text.ts'

type Format = 'csv' | 'jsonl' | 'raw'

export const rejectsExport = command({
  name: 'export',
  summary: 'write refused rows to stdout, to be mended and loaded again',
  description:
    'Rows that were replayed are left out. raw is the bytes of each row as they stood in the file, one after the other. csv and jsonl say why as well; a row that is not UTF-8 stands there in base64.',
  arguments: { load: loadArgument },
  options: {
    format: option('--format <format>', 'what is written', z.enum(['csv', 'jsonl', 'raw']).default('csv')),
    header: flag('--header', 'with raw: the line that names the columns first, where the input had one'),
  },
  examples: [
    'dwh rejects export 12 --format raw --header > mend.csv',
    'dwh rejects export 12 --format jsonl | jq .reasons',
  ],
  async run(context, { load, format, header }) {
    if (header && format !== 'raw') throw new DwhError('USAGE', '--header goes with --format raw')
    await using session = await context.openReadOnly()
    const { out } = context.streams
    const found = await theLoad(session, load)
    const lineEnd = lineEndOf(found.header)
    const first = header ? found.header : null
    if (header && !first) context.say(`the input of load ${load} had no line that names the columns`)
    if (first) await out.send(endedBy(first, lineEnd))
    if (format === 'csv') await out.send(csvLine(csvColumns))
    for await (const reject of eachReject(session, load, { open: true }))
      if (!(await out.send(written(reject, format, lineEnd)))) return
  },
})

function written(reject: KeptReject, format: Format, lineEnd: string): string | Buffer {
  if (format === 'raw') return endedBy(reject.original, lineEnd)
  const document = rejectDocument(reject)
  if (format === 'jsonl') return `${JSON.stringify(document)}\n`
  const { record, line, byte_offset, original, original_base64, reasons } = document
  const why = reasons.map(reasonText).join('; ')
  return csvLine([record, line, byte_offset, why, original, original_base64])
}

const csvColumns = ['record', 'line', 'byte_offset', 'reasons', 'original', 'original_base64']

function csvLine(values: (string | number | null)[]): string {
  const fields = values.map((value) => {
    const text = String(value ?? '')
    return /["\r\n,]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
  })
  return `${fields.join(',')}\n`
}
