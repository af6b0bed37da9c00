const LF = 10

/**
 * What one connection sends, written into one buffer that is used again and again: freed ones would wait long for their
 * collection, and the memory of a load is to stay small however large the file is.
 */
export class Scratch {
  /** Whoever writes into it makes room before, and says afterwards how long it is now. */
  bytes = Buffer.allocUnsafeSlow(1024 * 1024)
  length = 0
  #view: DataView | undefined

  /** The same bytes, for numbers; another one after room was made. */
  get view(): DataView {
    if (this.#view?.buffer !== this.bytes.buffer) this.#view = new DataView(this.bytes.buffer)
    return this.#view as DataView
  }

  /** Begins anew: what `filled` has given before is overwritten. */
  clear(): this {
    this.length = 0
    return this
  }

  get filled(): Buffer {
    return this.bytes.subarray(0, this.length)
  }

  text(text: string): void {
    this.makeRoom(text.length * 3)
    this.length += this.bytes.write(text, this.length)
  }

  /** Bytes [from, to) of another buffer. */
  copy(bytes: Buffer, from: number, to: number): void {
    this.makeRoom(to - from)
    this.length += bytes.copy(this.bytes, this.length, from, to)
  }

  /** Lines [from, to) of another buffer, each behind its number and a delimiter. */
  numbered(bytes: Buffer, from: number, to: number, first: number, delimiter: string): void {
    let place = first
    for (let at = from; at < to; place++) {
      const found = bytes.indexOf(LF, at)
      const end = found < 0 || found >= to ? to : found + 1
      this.makeRoom(end - at + 24)
      this.length += this.bytes.write(`${place}${delimiter}`, this.length, 'latin1')
      this.length += bytes.copy(this.bytes, this.length, at, end)
      at = end
    }
  }

  makeRoom(more: number): void {
    if (this.length + more <= this.bytes.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(this.bytes.length * 2, this.length + more))
    this.bytes.copy(larger, 0, 0, this.length)
    this.bytes = larger
  }
}
