import type { DwhError } from '../errors.ts'
import type { ChunkFigures, ChunkResult, Claim } from '../ledger/chunks.ts'
import { withoutAddress } from '../sources/http/trouble.ts'
import { chunkName } from './chunk-work.ts'
import type { Settled } from './settle.ts'

const count = (value: number) => value.toLocaleString('en')

/** `31,000 records, 12,345 rows/s: 30,990 inserted, 9 duplicates, 1 rejects, attempt 2` */
export function endLine(
  { attempts }: Pick<Claim, 'attempts'>,
  { figures, load, outcome }: { figures: ChunkFigures; load: number | null; outcome: ChunkResult['outcome'] },
): string {
  const { records, seconds, rejected } = figures
  const rate = seconds > 0 && records > 0 ? `, ${count(Math.round(records / seconds))} rows/s` : ''
  const parts = [
    ...(outcome === 'quarantined' ? ['its rows are set apart'] : [`${count(figures.inserted)} inserted`]),
    ...(['updated', 'moved', 'unchanged', 'replaced', 'duplicates', 'outside'] as const).flatMap((key) =>
      figures[key] > 0 ? [`${count(figures[key])} ${key}`] : [],
    ),
    ...(figures.unplanned ? [`${count(figures.unplanned)} of them in no window`] : []),
    ...(rejected > 0 ? [`${count(rejected)} rejects${load === null ? '' : ` (load ${load})`}`] : []),
    ...(attempts > 1 ? [`attempt ${attempts}`] : []),
  ]
  return `${count(records)} ${records === 1 ? 'record' : 'records'}${rate}: ${parts.join(', ')}`
}

/** What an attempt failed with, and what becomes of its chunk. */
export function failureLine(
  claim: Claim,
  settled: Settled,
  { code, message }: DwhError,
  retries: number,
): string {
  const next = settled.state === 'again' ? `again in ${Math.round(settled.pause)} s` : 'failed'
  return `${chunkName(claim)}: attempt ${claim.tries} of ${retries + 1}, ${next}: ${code} ${withoutAddress(message.split('\n')[0] ?? '')}`
}
