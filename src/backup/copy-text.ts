const newline = 0x0a
/** More than pg_dump writes behind the last row. */
const tailBytes = 16

/** Counts the rows of a data file of pg_dump as its bytes come by: in the text of COPY, every row is one line. */
export class CopyText {
  #lines = 0
  #tail = Buffer.alloc(0)

  take(chunk: Buffer): void {
    for (let at = chunk.indexOf(newline); at >= 0; at = chunk.indexOf(newline, at + 1)) this.#lines += 1
    const last = chunk.length < tailBytes ? Buffer.concat([this.#tail, chunk]) : chunk
    this.#tail = Buffer.from(last.subarray(-tailBytes))
  }

  /** Undefined where what came by was not the whole of such a file: it ends in `\.` and a few empty lines. */
  get rows(): number | undefined {
    const [, end] = /(?:^|\n)\\\.(\n+)$/.exec(this.#tail.toString('latin1')) ?? []
    return end === undefined ? undefined : this.#lines - end.length
  }
}
