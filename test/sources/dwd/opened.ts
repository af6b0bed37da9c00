import { Temporal } from 'temporal-polyfill'
import { openDwd } from '../../../src/sources/dwd/source.ts'
import type { Fetched, Source, Surroundings } from '../../../src/sources/source.ts'
import type { Wish } from '../../../src/sources/window.ts'
import { sourceSchema } from '../../../src/warehouse/source.ts'
import { quietWork } from '../../support/work.ts'
import { readAll } from '../file/inputs.ts'

/** A source as the warehouse file says it. */
export async function openSource(
  settings: Record<string, unknown>,
  surroundings: Surroundings,
): Promise<Source> {
  const parsed = sourceSchema.parse({ kind: 'dwd', retries: 1, ...settings })
  if (parsed.kind !== 'dwd') throw new Error('no source of the archive')
  return openDwd(parsed, surroundings)
}

/** Half-open, in UTC. */
export function days(from: string, to: string, parameters: Record<string, string> = {}): Wish {
  const window = { from: Temporal.PlainDate.from(from), to: Temporal.PlainDate.from(to), zone: 'UTC' }
  return { window, parameters }
}

/** Its rows as load sees them. */
export async function rowsOf({ input }: Fetched): Promise<{ columns: string[]; rows: (string | null)[][] }> {
  if (!input) return { columns: [], rows: [] }
  const { columns, records } = await readAll(input)
  return { columns, rows: records.map(({ fields }) => fields) }
}

/** What a window gives, with what was said meanwhile. */
export async function fetched(source: Source, wish: Wish) {
  const work = quietWork()
  await using found = await source.fetch(wish, work)
  const { fingerprint, requests, bytes } = found
  const said = work.events.flatMap((event) =>
    event.type === 'warning' || event.type === 'note' ? [event.message] : [],
  )
  return { ...(await rowsOf(found)), fingerprint, requests, bytes, said }
}
