import type { Work } from '../events.ts'
import type { Input } from './file/find.ts'
import type { Wish } from './window.ts'

/**
 * Where rows of a dataset come from, held with `await using` for as long as a worker works. Every kind of source passes the
 * same suite (test/sources/conformance.ts).
 */
export interface Source extends AsyncDisposable {
  /**
   * What the rows of a wish would be made of now, told without reading them: ETags, sizes and times of files. The same text
   * means the same rows.
   *
   * @returns undefined where only reading tells
   * @throws DwhError SOURCE_FAILED
   */
  fingerprint(wish: Wish, work: Work): Promise<string | undefined>
  /**
   * How many rows a wish has, asked at the cost of one request at the most.
   *
   * @returns undefined where that is not to be had
   * @throws DwhError SOURCE_FAILED
   */
  estimate(wish: Wish, work: Work): Promise<number | undefined>
  /**
   * All rows of a wish, or none: what comes back is complete, and was compared with what the source announces.
   *
   * @throws DwhError SOURCE_FAILED for what trying again may mend, INPUT_BROKEN for what it does not
   */
  fetch(wish: Wish, work: Work): Promise<Fetched>
}

/** What a source has given: closing it deletes what was put aside. */
export interface Fetched extends AsyncDisposable {
  /** What `load` reads; undefined where the source has no rows. */
  input: Input | undefined
  /** In plain words, where the source names files for the wish and none of them is there: that is another thing than no rows. */
  missing?: string | undefined
  /** As `Source.fingerprint` where the source tells it before, else of what was read. */
  fingerprint: string
  /** Rows that the source said there are, where it does. */
  announced: number | undefined
  /** The greatest value of a watermark column, from where the next one goes on. */
  watermark?: string | undefined
  /** Requests that were made, tries among them, and bytes that came. */
  requests: number
  bytes: number
}

/** What kinds of sources need from whoever opens them. */
export interface Surroundings {
  /** Where relative paths begin: the folder of the warehouse file. */
  folder: string
  sqlFolder: string
  /** Where rows are put aside, and where downloads are kept for the next window; both exist and are private. */
  spoolFolder: string
  cacheFolder: string
  environment: Record<string, string | undefined>
  politeness: Politeness
}

/** How a host wants to be asked. */
export interface Manners {
  /** Seconds between the beginnings of two requests. */
  delay: number
  /** Requests at the same time. */
  concurrency: number
}

/** Who may ask a host and when; all workers of a warehouse share one. */
export interface Politeness {
  /** Waits until a request may begin, which it says as `wait`; it has ended when the turn is disposed of. */
  turn(host: string, manners: Manners, work: Work): Promise<AsyncDisposable>
  /** The host has said that nobody shall ask for so many seconds. */
  hold(host: string, seconds: number, reason: string): Promise<void>
}
