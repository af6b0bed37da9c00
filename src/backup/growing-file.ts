import { open } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { chunkBytes } from './files.ts'

/** Milliseconds in which a file may grow before it is read on. */
const patience = 20

/**
 * A file from its beginning to its end while another process writes it.
 *
 * @param isWhole says that nothing comes any more
 */
export async function* readGrowing(
  path: string,
  isWhole: () => boolean,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  await using file = await open(path, 'r')
  for (;;) {
    signal.throwIfAborted()
    // Asked before it is read: what was written before it became whole is not missed.
    const whole = isWhole()
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(chunkBytes), 0, chunkBytes)
    if (bytesRead > 0) yield buffer.subarray(0, bytesRead)
    else if (whole) return
    if (bytesRead < chunkBytes && !whole) await sleep(patience, undefined, { signal })
  }
}
