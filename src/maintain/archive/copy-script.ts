/** A name as pg_dump writes it. */
const name = '(?:"(?:[^"]|"")+"|[^\\s".(]+)'
/** A table with its schema, as pg_dump writes it; the text of a pattern. */
export const qualified = `${name}\\.${name}`

const newline = 10

/** The one COPY in what pg_restore writes as a script. */
export class CopyScript {
  readonly #chunks: AsyncIterator<Buffer>
  #rest: Buffer = Buffer.alloc(0)

  constructor(stream: AsyncIterable<Buffer>) {
    this.#chunks = stream[Symbol.asyncIterator]()
  }

  async #more(): Promise<boolean> {
    const { done, value } = await this.#chunks.next()
    if (!done) this.#rest = this.#rest.length === 0 ? value : Buffer.concat([this.#rest, value])
    return !done
  }

  /** The list of columns as it stands there; undefined where there is no COPY, as of a table without columns. */
  async columns(): Promise<string | undefined> {
    const copy = new RegExp(`^COPY ${qualified} (\\(.*\\)) FROM stdin;$`, 's')
    for (let from = 0; ; ) {
      const end = this.#rest.indexOf(newline, from)
      if (end < 0) {
        if (await this.#more()) continue
        return undefined
      }
      const line = this.#rest.subarray(0, end).toString()
      // A name may have a line break in it: then the statement goes on.
      const isOpen = line.startsWith('COPY ') && !copy.test(line)
      from = isOpen ? end + 1 : 0
      if (isOpen) continue
      this.#rest = this.#rest.subarray(end + 1)
      const [, columns] = copy.exec(line) ?? []
      if (columns !== undefined) return columns
    }
  }

  /** Its lines, up to the one that ends them. */
  async *rows(): AsyncGenerator<Buffer> {
    for (;;) {
      const end = this.#endOfRows()
      if (end !== undefined) {
        if (end > 0) yield this.#rest.subarray(0, end)
        // What is not read would keep pg_restore waiting.
        for (this.#rest = Buffer.alloc(0); await this.#more(); this.#rest = Buffer.alloc(0));
        return
      }
      const whole = this.#rest.lastIndexOf(newline) + 1
      if (whole > 0) {
        yield this.#rest.subarray(0, whole)
        this.#rest = this.#rest.subarray(whole)
      }
      if (!(await this.#more())) throw new Error('its rows have no end')
    }
  }

  /** Rows begin at the start of a line: a backslash and a dot alone on one is their end. */
  #endOfRows(): number | undefined {
    if (this.#rest.subarray(0, 3).equals(endMark)) return 0
    const at = this.#rest.indexOf(`\n${endMark}`)
    return at < 0 ? undefined : at + 1
  }
}

const endMark = Buffer.from('\\.\n')
