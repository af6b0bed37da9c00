import type { DwhEvent, Work } from '../../events.ts'
import type { Fetched, Source, Surroundings } from '../source.ts'
import { type Wish, windowText } from '../window.ts'
import type { HttpClient } from './client.ts'
import type { Protocol } from './protocol.ts'
import { readCount } from './read-page.ts'
import { readWish } from './read-window.ts'
import { RecordSpool } from './record-spool.ts'

/** An API that is read page by page, whatever its protocol. */
export class PagedSource implements Source {
  readonly #client: HttpClient
  readonly #protocol: Protocol
  readonly #surroundings: Surroundings

  constructor(client: HttpClient, protocol: Protocol, surroundings: Surroundings) {
    this.#client = client
    this.#protocol = protocol
    this.#surroundings = surroundings
  }

  /** Only reading tells. */
  async fingerprint(): Promise<undefined> {
    return undefined
  }

  async estimate(wish: Wish, work: Work): Promise<number | undefined> {
    return await readCount(this.#client, this.#protocol, wish, work)
  }

  async fetch(wish: Wish, work: Work): Promise<Fetched> {
    const counted = counting(work)
    await using spool = new RecordSpool(this.#surroundings.spoolFolder)
    const reading = { client: this.#client, protocol: this.#protocol, spool, work: counted.work }
    const announced = await readWish(reading, wish)
    const { host } = new URL(this.#protocol.first(wish).url)
    const input =
      spool.records === 0
        ? undefined
        : await spool.input(`${host} ${wish.window ? windowText(wish.window) : ''}`.trim())
    return {
      input,
      fingerprint: `sha256:${spool.digest}`,
      announced,
      requests: counted.requests,
      bytes: counted.bytes,
      [Symbol.asyncDispose]: async () => input?.[Symbol.asyncDispose](),
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

/** Counts requests and bytes as their events pass. */
function counting({ emit, signal }: Work) {
  const counted = { requests: 0, bytes: 0 }
  const count = (event: DwhEvent) => {
    if (event.type === 'request') {
      counted.requests++
      counted.bytes += event.bytes
    }
    emit(event)
  }
  return Object.assign(counted, { work: { emit: count, signal } })
}
