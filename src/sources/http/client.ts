import { setTimeout as sleep } from 'node:timers/promises'
import { DwhError } from '../../errors.ts'
import type { Work } from '../../events.ts'
import { type Span, spanSeconds } from '../../warehouse/values.ts'
import type { Manners, Surroundings } from '../source.ts'
import { type Answer, Exchange, type HttpRequest } from './exchange.ts'
import { Secrets } from './secrets.ts'
import { mayPass, pause, Refused, retryAfter, TryAgain } from './trouble.ts'

/** How a source asks: fields that every kind over HTTP has in the warehouse file. */
export interface Polite {
  delay?: number | undefined
  per_minute?: number | undefined
  concurrency: number
  retries: number
  timeout?: Span | undefined
}

/** Puts something like `Authorization` on requests. */
export interface Authorization {
  headers(work: Work): Promise<Record<string, string>>
  /** What it gave was refused. @returns whether asking again makes sense */
  renew(): boolean
}

export interface RequestOptions {
  /** Statuses beside 2xx that `use` wants to see. */
  accepts?: number[]
  /** Bytes of an unpacked answer at the most: 1 GiB unless given. */
  largest?: number
}

const standardTimeout = 60
const standardLargest = 1024 ** 3
/** Times that a host may ask to be left alone in one request, and seconds that one such time is taken to be at the most. */
const [mostHolds, longestHold] = [50, 3600]

/**
 * Asks hosts politely: in turn with all other workers, again after what may pass, not at all where the host says so. One for a
 * source, for as long as it is open.
 */
export class HttpClient {
  readonly secrets: Secrets
  readonly #polite: Polite
  readonly #surroundings: Surroundings
  readonly #authorization: Authorization | undefined

  constructor(
    polite: Polite,
    surroundings: Surroundings,
    {
      secrets = new Secrets(surroundings.environment),
      authorization,
    }: {
      secrets?: Secrets
      authorization?: Authorization | undefined
    } = {},
  ) {
    this.#polite = polite
    this.#surroundings = surroundings
    this.#authorization = authorization
    this.secrets = secrets
  }

  /**
   * Sends a request until its answer was read, and gives the answer of each try to `use`, which begins anew each time: a
   * connection may break while the body is read. What `use` throws as TryAgain is tried again too, like 429 and 5xx.
   *
   * @param request or what makes it for each try
   * @throws DwhError SOURCE_FAILED when the tries are used up, with the last reason
   * @throws Refused for a status that trying again does not mend, TLS_FAILED, INPUT_BROKEN, and what `use` throws
   */
  async request<T>(
    request: HttpRequest | (() => HttpRequest),
    work: Work,
    use: (answer: Answer) => Promise<T>,
    options: RequestOptions = {},
  ): Promise<T> {
    let [failures, holds, renewed] = [0, 0, false]
    for (let attempt = 1; ; attempt++) {
      const asked = this.#checked(typeof request === 'function' ? request() : request)
      try {
        return await this.#attempt(asked, attempt, work, use, options)
      } catch (error) {
        work.signal.throwIfAborted()
        if (error instanceof Refused && error.status === 401 && !renewed && this.#authorization?.renew()) {
          renewed = true
          continue
        }
        if (!(error instanceof TryAgain)) throw error
        if (error.tooOften || error.after !== undefined) holds++
        else failures++
        if (failures > this.#polite.retries || holds > mostHolds) throw exhausted(error, attempt)
        await this.#waitBefore(new URL(asked.url).host, error, Math.max(failures, holds), work)
      }
    }
  }

  /** The whole body as text. @throws as `request` */
  async text(request: HttpRequest, work: Work, largest = 64 * 1024 ** 2): Promise<string> {
    return await this.request(request, work, ({ body }) => textOf(body), { largest })
  }

  async #attempt<T>(
    request: HttpRequest,
    attempt: number,
    work: Work,
    use: (answer: Answer) => Promise<T>,
    { accepts = [], largest = standardLargest }: RequestOptions,
  ): Promise<T> {
    const { host } = new URL(request.url)
    const authorized = await this.#authorized(request, work)
    await using _turn = await this.#surroundings.politeness.turn(host, this.manners, work)
    const started = performance.now()
    const timeout = this.#polite.timeout ? spanSeconds(this.#polite.timeout) : standardTimeout
    await using exchange = new Exchange({ timeout, largest, secrets: this.secrets }, work)
    let status: number | undefined
    let problem: string | undefined
    try {
      const answer = await exchange.send(authorized)
      status = answer.status
      if (status >= 300 && !accepts.includes(status)) throw await this.#failure(answer)
      return await use(answer)
    } catch (error) {
      problem = error instanceof Error ? error.message : String(error)
      throw error
    } finally {
      const url = this.secrets.maskUrl(request.url)
      const { bytes } = exchange
      const milliseconds = performance.now() - started
      work.emit({
        type: 'request',
        host,
        url,
        status,
        bytes,
        milliseconds,
        attempt,
        ...(problem && { problem }),
      })
    }
  }

  /** How this source asks each host. */
  get manners(): Manners {
    const { delay = 0, per_minute, concurrency } = this.#polite
    return { delay: Math.max(delay, per_minute === undefined ? 0 : 60 / per_minute), concurrency }
  }

  /** Node.js's fetch takes no address with a user in it. */
  #checked(request: HttpRequest): HttpRequest {
    const url = URL.parse(request.url)
    if (!url || !/^https?:$/.test(url.protocol))
      throw new DwhError(
        'CONFIG_INVALID',
        `${this.secrets.maskUrl(request.url)} is no address of http or https`,
        {
          hint: 'look at the `url` of the source in the warehouse file',
        },
      )
    if (!url.username && !url.password) return request
    const { username, password } = url
    this.secrets.keep(decodeURIComponent(password))
    const login = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString(
      'base64',
    )
    url.username = ''
    url.password = ''
    return { ...request, url: url.href, headers: { authorization: `Basic ${login}`, ...request.headers } }
  }

  async #authorized(request: HttpRequest, work: Work): Promise<HttpRequest> {
    if (!this.#authorization) return request
    return { ...request, headers: { ...request.headers, ...(await this.#authorization.headers(work)) } }
  }

  async #failure({ status, url, headers, body }: Answer): Promise<Error> {
    const text = await beginning(body)
    const excerpt = this.excerpt(text)
    const message = `${this.secrets.maskUrl(url)} answered ${status}${excerpt ? `: ${excerpt}` : ''}`
    if (!mayPass(status)) return new Refused(status, this.secrets.mask(text), message)
    return new TryAgain(message, { after: retryAfter(headers, Date.now()), tooOften: status === 429 })
  }

  /** The beginning of an answer for people: one line, without tags, secrets masked. */
  excerpt(text: string): string {
    const words = text
      .replace(/<(script|style|head)\b[\s\S]*?<\/\1>/gi, ' ')
      .replace(/<[^<>]*>/g, ' ')
      // biome-ignore lint/suspicious/noControlCharactersInRegex: a terminal must not obey what a host says
      .replace(/[\s\x00-\x1f\x7f-\x9f]+/g, ' ')
      .trim()
    const shown = this.secrets.mask(words)
    return shown.length > 200 ? `${shown.slice(0, 199)}…` : shown
  }

  async #waitBefore(host: string, trouble: TryAgain, failures: number, work: Work): Promise<void> {
    const { after, tooOften, message } = trouble
    if (after === undefined && !tooOften) {
      const seconds = pause(failures)
      work.emit({ type: 'wait', host, seconds, reason: message })
      await sleep(seconds * 1000, undefined, { signal: work.signal }).catch(() =>
        work.signal.throwIfAborted(),
      )
      return
    }
    const seconds = Math.min(after ?? pause(failures), longestHold)
    // The next turn waits for it, as those of all other workers do.
    await this.#surroundings.politeness.hold(host, seconds, message)
  }
}

/** The whole of a body. */
export async function textOf(body: AsyncIterable<Buffer>): Promise<string> {
  const pieces: Buffer[] = []
  for await (const piece of body) pieces.push(Buffer.from(piece))
  return Buffer.concat(pieces).toString()
}

/** What can be had of the body of a failure: that it breaks off tells nothing. */
async function beginning(body: AsyncIterable<Buffer>): Promise<string> {
  const pieces: Buffer[] = []
  try {
    let bytes = 0
    for await (const piece of body) {
      pieces.push(Buffer.from(piece))
      bytes += piece.length
      if (bytes > 64 * 1024) break
    }
  } catch (error) {
    if (!(error instanceof TryAgain)) throw error
  }
  return Buffer.concat(pieces).toString()
}

function exhausted(trouble: TryAgain, attempts: number): DwhError {
  const tries = attempts === 1 ? 'once' : `${attempts} times`
  return new DwhError('SOURCE_FAILED', `${trouble.message}; tried ${tries}, and nothing of it was loaded`, {
    hint: 'wait until the host answers again, and run the same command: what is done stays done',
    cause: trouble.cause,
  })
}
