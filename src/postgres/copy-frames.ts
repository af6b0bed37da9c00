import type { Duplex } from 'node:stream'
import type pg from 'pg'

/** The part of a connection of `pg` that COPY needs; its typings know less of it. */
type Connection = pg.Connection & {
  stream: Duplex
  endCopyFrom(): void
  sendCopyFail(message: string): void
}

/** Codes of messages from the server. */
const copyData = 'd'.charCodeAt(0)
const passing = [...'HNSA'].map((letter) => letter.charCodeAt(0))
const headerBytes = 5

/** So much waits for its reader before the server is no longer read from. */
const mostWaiting = 1024 * 1024

/**
 * The messages of a `COPY … TO STDOUT` as they came, to be sent to another server: of each no more than the length is looked
 * at. Every piece holds whole messages. Whoever stops reading before the end ends the connection.
 */
export class CopyFrames implements AsyncIterable<Buffer> {
  readonly #text: string
  #connection: Connection | undefined
  #usual: ((bytes: Buffer) => void) | undefined
  /** The beginning of a message, and how many bytes it has as far as is known. */
  #held: Buffer[] = []
  #heldBytes = 0
  #needed = headerBytes
  #waiting: Buffer[] = []
  #waitingBytes = 0
  #wake: () => void = () => {}
  #ended = false
  #failure: Error | undefined
  /** Rows that the server says it has given; before its last word those that have come. */
  rows = 0
  bytes = 0

  constructor(text: string) {
    this.#text = text
  }

  submit(given: pg.Connection): void {
    const connection = given as Connection
    const { stream } = connection
    this.#connection = connection
    this.#usual = stream.listeners('data')[0] as (bytes: Buffer) => void
    stream.on('data', this.#receive)
    stream.off('data', this.#usual)
    connection.query(this.#text)
  }

  readonly #receive = (chunk: Buffer): void => {
    let rest = chunk
    while (this.#heldBytes > 0) {
      const more = rest.subarray(0, this.#needed - this.#heldBytes)
      this.#held.push(more)
      this.#heldBytes += more.length
      if (this.#heldBytes < this.#needed) return
      rest = rest.subarray(more.length)
      // Only the message that two pieces share is copied: copies of everything would keep the garbage collector busy.
      const message = Buffer.concat(this.#held)
      this.#held = []
      this.#heldBytes = 0
      if (!this.#scan(message, rest)) return
    }
    if (rest.length > 0) this.#scan(rest, Buffer.alloc(0))
  }

  /**
   * Gives the whole messages of some bytes, and holds the beginning of the next one.
   *
   * @param following bytes behind them that have come too
   * @returns false where the rows have ended
   */
  #scan(bytes: Buffer, following: Buffer): boolean {
    let [from, at] = [0, 0]
    this.#needed = headerBytes
    while (bytes.length - at >= headerBytes) {
      const code = bytes[at] as number
      const end = at + 1 + bytes.readUInt32BE(at + 1)
      if (code !== copyData && !passing.includes(code)) {
        this.#give(bytes.subarray(from, at))
        this.#handBack([bytes.subarray(at), following])
        return false
      }
      if (end > bytes.length) {
        this.#needed = end - at
        break
      }
      if (code === copyData) this.rows += 1
      else {
        this.#give(bytes.subarray(from, at))
        this.#usual?.(bytes.subarray(at, end))
        from = end
      }
      at = end
    }
    this.#give(bytes.subarray(from, at))
    if (at < bytes.length) this.#held = [bytes.subarray(at)]
    this.#heldBytes = bytes.length - at
    return true
  }

  #give(frames: Buffer): void {
    if (frames.length === 0) return
    this.bytes += frames.length
    this.#waiting.push(frames)
    this.#waitingBytes += frames.length
    if (this.#waitingBytes > mostWaiting) this.#connection?.stream.pause()
    this.#wake()
  }

  /** What follows the rows is for `pg` again. */
  #handBack(pieces: Buffer[]): void {
    const { stream } = this.#connection as Connection
    const usual = this.#usual as (bytes: Buffer) => void
    stream.off('data', this.#receive)
    stream.on('data', usual)
    for (const piece of pieces) if (piece.length > 0) usual(piece)
    stream.resume()
  }

  handleCommandComplete({ text }: { text: string }): void {
    this.rows = Number(/^COPY (\d+)/.exec(text)?.[1] ?? 0)
  }

  handleReadyForQuery(): void {
    this.#ended = true
    this.#wake()
  }

  handleError(error: Error): void {
    this.#failure = error
    this.#wake()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    try {
      for (;;) {
        const next = this.#waiting.shift()
        if (next) {
          this.#waitingBytes -= next.length
          if (this.#waitingBytes <= mostWaiting / 2) this.#connection?.stream.resume()
          yield next
        } else if (this.#failure) throw this.#failure
        else if (this.#ended) return
        else
          await new Promise<void>((resolve) => {
            this.#wake = resolve
          })
      }
    } finally {
      if (!this.#ended && !this.#failure) this.#connection?.stream.destroy()
    }
  }
}

/** A `COPY … FROM STDIN` that takes messages as `CopyFrames` gives them. */
export class CopySink {
  readonly #text: string
  readonly #started = Promise.withResolvers<Connection>()
  readonly #ended = Promise.withResolvers<void>()
  #failure: Error | undefined
  /** Rows that have arrived, once it has ended. */
  rows = 0

  constructor(text: string) {
    this.#text = text
    // What nobody waits for yet is no error of the process.
    this.#started.promise.catch(() => {})
    this.#ended.promise.catch(() => {})
  }

  submit(connection: pg.Connection): void {
    connection.query(this.#text)
  }

  /**
   * Sends everything, and waits for the server's word.
   *
   * @throws what the server refuses it with, or what reading `frames` fails with: then the COPY has failed on the server too
   */
  async take(frames: AsyncIterable<Buffer>): Promise<void> {
    const connection = await this.#started.promise
    try {
      for await (const piece of frames) {
        if (this.#failure) throw this.#failure
        if (connection.stream.write(piece)) continue
        await Promise.race([this.#ended.promise, drained(connection.stream)])
      }
    } catch (error) {
      // Whoever has refused the rows already does not mind.
      connection.sendCopyFail('the source has failed')
      await this.#ended.promise.catch(() => {})
      throw error
    }
    connection.endCopyFrom()
    await this.#ended.promise
  }

  handleCopyInResponse(connection: Connection): void {
    this.#started.resolve(connection)
  }

  handleCommandComplete({ text }: { text: string }): void {
    this.rows = Number(/^COPY (\d+)/.exec(text)?.[1] ?? 0)
  }

  handleError(error: Error): void {
    this.#failure = error
    this.#started.reject(error)
    this.#ended.reject(error)
  }

  handleReadyForQuery(): void {
    this.#ended.resolve()
  }
}

function drained(stream: Duplex): Promise<void> {
  return new Promise((resolve) => stream.once('drain', resolve))
}
