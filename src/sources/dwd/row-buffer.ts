const bytesOfPiece = 256 * 1024

/** Bytes of rows, written one after the other and taken in pieces. */
export class RowBuffer {
  #bytes = Buffer.allocUnsafeSlow(bytesOfPiece)
  #at = 0

  get isFull(): boolean {
    return this.#at > bytesOfPiece / 2
  }

  /** Makes room, after which as many bytes can be put without a look. */
  reserve(bytes: number): void {
    if (this.#at + bytes <= this.#bytes.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, this.#at + bytes))
    this.#bytes.copy(larger, 0, 0, this.#at)
    this.#bytes = larger
  }

  put(byte: number): void {
    this.#bytes[this.#at++] = byte
  }

  /** A loop: cells are a few bytes long, and a native copy costs more than that. */
  copy(from: Uint8Array, start: number, end: number): void {
    for (let at = start; at < end; at++) this.#bytes[this.#at++] = from[at] as number
  }

  /** What was written; whoever takes it may keep it. */
  take(): Buffer {
    const taken = this.#bytes.subarray(0, this.#at)
    this.#bytes = Buffer.allocUnsafeSlow(bytesOfPiece)
    this.#at = 0
    return taken
  }
}
