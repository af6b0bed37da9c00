import type { Replay } from '../../ledger/rejects.ts'
import type { ChunkFigures, ChunkLoad } from '../chunk.ts'
import type { OnDuplicate } from './deduplicate.ts'
import type { Arrived } from './destinations.ts'

/** What the last transaction does with a landing. */
export interface Conclusion extends Arrived {
  onDuplicate: OnDuplicate
  /** Somebody has said that it is so. */
  mayReplace: boolean
  load: number
  digest: { bytes: number; sha256: string }
  again: boolean
  /** Rejects that the file stands for. */
  replay: Replay | undefined
  chunk: ChunkLoad | undefined
  /** Hash what the territory of a chunk holds afterwards. */
  prove: boolean
  /** What is known before. */
  figures: Pick<ChunkFigures, 'records' | 'duplicates' | 'rejected' | 'outside' | 'unplanned'>
}
