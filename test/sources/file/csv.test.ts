import { expect, test } from 'vitest'
import { fc } from '../../support/random.ts'
import { inputFolder, readAll } from './inputs.ts'

interface Row {
  fields: (string | null)[]
  text: string
  line: number
  offset: number
}

interface Written {
  bytes: Buffer
  headerBytes: number
  rows: Row[]
  /** Neither blank lines nor two sorts of line ends. */
  tidy: boolean
  dialect: { delimiter: string; quote: string; escape: string; nullText: string }
}

const columns = ['id', 'name', 'remark']

const dialects = fc.record({
  delimiter: fc.constantFrom(',', ';', '\t', '|'),
  quote: fc.constantFrom('"', "'"),
  escape: fc.constantFrom('same', '\\'),
  nullText: fc.constantFrom('', 'NULL', '\\N'),
})

const field = fc.oneof(
  fc.constant(null),
  fc.string({ maxLength: 6 }),
  fc.string({
    unit: fc.constantFrom('"', "'", '\\', ',', ';', '\t', '|', '\r', '\n', '\r\n', 'é', '€', ' ', 'N', '.'),
    maxLength: 8,
  }),
)

const sketches = fc.record({
  dialect: dialects,
  mark: fc.boolean(),
  ends: fc.constantFrom<string[]>(['\n'], ['\r\n'], ['\r'], ['\n', '\r\n']),
  lastEnd: fc.boolean(),
  rows: fc.array(
    fc.record({
      fields: fc.array(field, { minLength: 3, maxLength: 3 }),
      quoted: fc.array(fc.boolean(), { minLength: 3, maxLength: 3 }),
      end: fc.nat(),
      blank: fc.integer({ min: 0, max: 20 }),
    }),
    { maxLength: 30 },
  ),
})
type Sketch = typeof sketches extends fc.Arbitrary<infer T> ? T : never

/** A writer that quotes where it must and at random. */
function write({ dialect, mark, ends, lastEnd, rows }: Sketch): Written {
  const { delimiter, quote, nullText } = dialect
  const escaping = dialect.escape === 'same' ? quote : dialect.escape
  const header = `${mark ? '\ufeff' : ''}${columns.join(delimiter)}${ends[0]}`
  const written: Row[] = []
  let text = header
  let tidy = ends.length === 1
  for (const [index, row] of rows.entries()) {
    const end = ends[row.end % ends.length] as string
    if (row.blank === 0) {
      text += end
      tidy = false
    }
    const cells = row.fields.map((value, column) => {
      if (value === null) return nullText
      const must =
        value === nullText ||
        value === '' ||
        [delimiter, quote, '\r', '\n'].some((sign) => value.includes(sign))
      if (!must && !row.quoted[column]) return value
      const inner = [...value]
        .map((sign) => (sign === quote || sign === escaping ? escaping + sign : sign))
        .join('')
      return quote + inner + quote
    })
    const record = cells.join(delimiter)
    const line = text.split(/\r\n|\r|\n/).length
    written.push({ fields: row.fields, text: record, line, offset: Buffer.byteLength(text) })
    text += record + (index === rows.length - 1 && !lastEnd ? '' : end)
  }
  return {
    bytes: Buffer.from(text),
    headerBytes: Buffer.byteLength(header),
    rows: written,
    tidy,
    dialect: { delimiter, quote, escape: escaping, nullText },
  }
}

test('any csv comes back equal, with its lines, offsets and bytes, however it is cut into batches', async () => {
  await using folder = inputFolder()
  await fc.assert(
    fc.asyncProperty(sketches.map(write), fc.integer({ min: 1, max: 300 }), async (file, batchBytes) => {
      const input = await folder.put('any.csv', file.bytes)
      const { batches, records } = await readAll(input, { ...file.dialect, batchBytes })
      expect(
        records.map(({ fields, line, offset, original, problem }) => ({
          fields,
          line,
          offset,
          text: `${original}`,
          problem,
        })),
      ).toEqual(file.rows.map((row) => ({ ...row, problem: undefined })))
      let first = 1
      for (const [number, batch] of batches.entries()) {
        expect(batch).toMatchObject({ number, firstRecord: first })
        first += batch.records().toArray().length
      }
      if (file.tidy && !file.bytes.includes('\\.')) {
        expect(Buffer.concat(batches.map(({ raw }) => raw as Buffer))).toEqual(
          file.bytes.subarray(file.headerBytes),
        )
      }
    }),
    { numRuns: 500 },
  )
})
