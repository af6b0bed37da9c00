import type { Work } from '../../events.ts'
import { inputOf } from '../file/find.ts'
import { readAs } from '../file/read-as.ts'
import { spool } from '../file/spool.ts'
import type { Fetched } from '../source.ts'

/** Puts csv with a header aside; without a byte there is no input. */
export async function spoolRows(
  name: string,
  csv: AsyncIterable<Buffer>,
  folder: string,
  work: Work,
): Promise<Pick<Fetched, 'input' | typeof Symbol.asyncDispose>> {
  const spooled = await spool(name, csv, folder, work.signal)
  const remove = async () => spooled[Symbol.asyncDispose]()
  const input = spooled.bytes > 0 ? inputOf(spooled, null, folder, remove) : undefined
  return {
    input:
      input &&
      readAs(input, { format: 'csv', delimiter: ',', header: true, encoding: 'utf-8', nullText: '' }),
    [Symbol.asyncDispose]: remove,
  }
}
