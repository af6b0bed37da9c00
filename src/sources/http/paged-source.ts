import type { DwhEvent, Work } from '../../events.ts'
import { JsonTemplate } from '../file/json-template.ts'
import type { Fetched, Source, Surroundings } from '../source.ts'
import { type Wish, windowText } from '../window.ts'
import type { HttpClient } from './client.ts'
import type { Each } from './each.ts'
import type { Protocol } from './protocol.ts'
import { readCount } from './read-page.ts'
import { readQuestions } from './read-questions.ts'
import { RecordSpool } from './record-spool.ts'

/** An API that is read page by page, whatever its protocol. */
export class PagedSource implements Source {
  readonly #client: HttpClient
  readonly #protocol: Protocol
  readonly #surroundings: Surroundings
  readonly #each: Each | undefined
  readonly #template = new JsonTemplate([])

  constructor(client: HttpClient, protocol: Protocol, surroundings: Surroundings, each?: Each) {
    this.#client = client
    this.#protocol = protocol
    this.#surroundings = surroundings
    this.#each = each
  }

  /** Only reading tells. */
  async fingerprint(): Promise<undefined> {
    return undefined
  }

  async estimate(wish: Wish, work: Work): Promise<number | undefined> {
    const sample = await this.#each?.sample(wish, work)
    const count = await readCount(this.#client, this.#protocol, sample?.wish ?? wish, work)
    return count === undefined ? undefined : Math.round(count * (sample?.times ?? 1))
  }

  async fetch(wish: Wish, work: Work): Promise<Fetched> {
    const counted = counting(work)
    await using spool = new RecordSpool(this.#surroundings.spoolFolder)
    const each = this.#each
    const [client, protocol, template] = [this.#client, this.#protocol, this.#template]
    const reading = { client, protocol, each, spool, template, work: counted.work }
    const announced = await readQuestions(reading, wish)
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
