import type { Work } from '../../events.ts'
import { type ByteStream, fill } from './byte-stream.ts'

/** Whole records, in a buffer of their own. */
export interface Block<Found> {
  bytes: Buffer
  found: Found
  /** Bytes of the text before it. */
  offset: number
  /** Bytes of the stored file that had been used. */
  stored: number
}

export interface BlockOptions<Found> {
  /** Where in the text the stream stands. */
  offset: number
  /** Bytes of a block, about. */
  blockBytes: number
  longestRecord: number
  /** Finds where the last whole record of some bytes ends. `last`: nothing follows. */
  survey(bytes: Buffer, last: boolean): Found
  /** What to throw for a record that is longer than the longest; `offset` is where it begins. */
  tooLong(offset: number): Error
}

export const defaultBlockBytes = 1024 * 1024
export const defaultLongestRecord = 16 * 1024 * 1024

/**
 * Cuts a stream at ends of records. The next block is read while the receiver works on one, so three are in memory at most:
 * the receiver's, the next, and the one whose rest the next begins with.
 */
export async function* blocks<Found extends { end: number }>(
  stream: ByteStream,
  options: BlockOptions<Found>,
  work: Work,
): AsyncGenerator<Block<Found>> {
  let { offset } = options
  let filling = refill(stream, Buffer.alloc(0), options.blockBytes)
  try {
    for (;;) {
      work.signal.throwIfAborted()
      const { bytes, last } = await filling
      const found = options.survey(bytes, last)
      const rest = bytes.subarray(found.end)
      if (found.end === 0 && bytes.length >= options.longestRecord) throw options.tooLong(offset)
      const { stored } = stream
      if (!last) filling = refill(stream, rest, Math.max(options.blockBytes, rest.length * 2))
      if (found.end > 0) yield { bytes: bytes.subarray(0, found.end), found, offset, stored }
      offset += found.end
      if (last) return
    }
  } finally {
    // Whoever leaves early closes the stream next, and nothing may read from it then.
    await filling.catch(() => undefined)
  }
}

/** Takes the memory of a block away from it, so that it is empty from then on. */
export function releaseBlock(bytes: Buffer): void {
  const { buffer } = bytes
  if (buffer instanceof ArrayBuffer && !buffer.detached) buffer.transfer(0)
}

interface Filled {
  bytes: Buffer
  last: boolean
}

function refill(stream: ByteStream, rest: Buffer, size: number): Promise<Filled> {
  const buffer = Buffer.allocUnsafeSlow(size)
  rest.copy(buffer)
  const filling = fill(stream, buffer, rest.length).then((length) => ({
    bytes: buffer.subarray(0, length),
    last: length < buffer.length,
  }))
  // Its error is thrown where it is awaited, which may be after the receiver's work.
  filling.catch(() => undefined)
  return filling
}
