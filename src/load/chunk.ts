import type { StoredProof } from '../ledger/chunk.ts'
import type { GenerationTable } from '../ledger/generations.ts'
import type { LoadFigures } from '../ledger/loads.ts'
import type { Session } from '../postgres/session.ts'
import type { Window } from '../sources/window.ts'

/**
 * What a load of one chunk of a backfill does beside a load of a file: it keeps to its window, may stand for all rows of its
 * scope and window, is judged before anybody sees it, and ends together with its chunk. Its content is never taken for
 * loaded already: whether a chunk is done is told by its window and parameters.
 */
export interface ChunkLoad {
  /** Rows of the input that lie outside are left out and counted; undefined where the dataset has no windows. */
  window: Window | undefined
  /** The days of other windows, that are planned or done: rows outside of this one that lie in none of them are nobody's. */
  beside?: () => Promise<Window[]>
  /** Rows of scope and window that are there already give way to those of the input, and are kept aside. */
  replaces: boolean
  /** The input has only rows that are new since the last time: it stands for no others. */
  isPart?: boolean
  /** Conditions of rows that sources of a higher priority have brought: those stay as they are. */
  yields?: string[]
  /** Rows that others have brought and that must not give way; asked in the last transaction, under its locks. */
  others?: (session: Session) => Promise<OthersRows[]>
  /** What the rows that are kept aside then are; `former` unless it says otherwise. */
  keepsAs?: GenerationTable['kind']
  /** What scope and window must hold still when their rows give way; somebody has looked at it before. */
  expects?: StoredProof | undefined
  /** How tables begin that keep rows beside the target; of no other chunk, such as `dwh_chunk_17`. */
  tables: string
  /** Looks at what has arrived and nobody has seen; what is withheld is kept aside, and nothing comes to the target. */
  judge(facts: ArrivedFacts): Promise<'publish' | 'withhold'>
  /** In the last transaction, of rows that are withheld too; last but the lease's check. What it throws undoes all of it. */
  concluding(session: Session, end: ChunkEnd): Promise<void>
}

/** Rows of another source, or of other parameters. */
export interface OthersRows {
  /** What has brought them, such as `measure/piezo 2024-01-01 to 2024-02-01`. */
  name: string
  /** SQL over the columns of the target. */
  condition: string
}

/** What an input has brought, before it is published. */
export interface ArrivedFacts {
  /** Records of the input. */
  records: number
  /** Those that are no rejects, no duplicates, and within the window. */
  rows: number
  rejected: number
  duplicates: number
  outside: number
  /**
   * The first days of the periods that have rows, `2024-01-31`: a day, or the quarter of year_quarter. Reads all rows once where
   * no index tells.
   */
  days(): Promise<Set<string>>
}

/** How a chunk ends. */
export interface ChunkEnd {
  load: number
  outcome: 'published' | 'withheld'
  figures: ChunkFigures
  /** Tables with rows that were replaced, or that are withheld. */
  generations: GenerationTable[]
  /** Of all rows of scope and window in the target; undefined where no proof is wanted, or no window can be told. */
  proof: StoredProof | undefined
}

export interface ChunkFigures extends LoadFigures {
  /** Rows of the input that lie outside the window. */
  outside: number
  /** Those of them that lie in no other window either. */
  unplanned: number
}
