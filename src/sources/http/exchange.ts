import { DwhError } from '../../errors.ts'
import type { Work } from '../../events.ts'
import { packageVersion } from '../../package.ts'
import { releaseBlock } from '../file/blocks.ts'
import type { Secrets } from './secrets.ts'
import { TryAgain, transportTrouble } from './trouble.ts'

/** What is asked. */
export interface HttpRequest {
  /** Secrets in it are masked wherever it is shown. */
  url: string
  method?: 'GET' | 'POST' | 'HEAD'
  headers?: Record<string, string>
  body?: string
}

/** What came back, as long as it is read: its body is there only within the function that it was given to. */
export interface Answer {
  status: number
  /** Where it came from in the end, with its secrets. */
  url: string
  headers: Headers
  /** Unpacked. Can be gone through once; each piece is there only until the next. @throws TryAgain where the connection breaks */
  body: AsyncIterable<Buffer>
}

export interface ExchangeOptions {
  /** Seconds without a byte after which it is given up. */
  timeout: number
  /** Bytes of an unpacked body. */
  largest: number
  secrets: Secrets
}

const mostRedirects = 5

/** Headers that are sent to another host too; all others may be meant for the first one only. */
const harmless = [
  'accept',
  'accept-encoding',
  'user-agent',
  'range',
  'if-range',
  'if-none-match',
  'if-modified-since',
]

/** One request with its redirects, one after the other: `exchange` is closed when the block is left. */
export class Exchange implements AsyncDisposable {
  readonly #options: ExchangeOptions
  readonly #signal: AbortSignal
  readonly #controller = new AbortController()
  readonly #idle: NodeJS.Timeout
  #waiting = false
  #timedOut = false
  /** Bytes of the body that have come. */
  bytes = 0

  constructor(options: ExchangeOptions, { signal }: Work) {
    signal.throwIfAborted()
    this.#options = options
    this.#signal = signal
    signal.addEventListener('abort', this.#stop)
    this.#idle = setTimeout(() => this.#expire(), options.timeout * 1000)
  }

  /**
   * @throws TryAgain for a connection that fails or is silent for too long
   * @throws DwhError TLS_FAILED, INPUT_BROKEN for redirects that are not followed
   */
  async send(request: HttpRequest): Promise<Answer> {
    let current = request
    for (let hop = 0; ; hop++) {
      const response = await this.#fetch(current)
      const location = response.headers.get('location')
      if (![301, 302, 303, 307, 308].includes(response.status) || location === null)
        return {
          status: response.status,
          url: current.url,
          headers: response.headers,
          body: this.#pieces(response, current.url),
        }
      await response.body?.cancel()
      if (hop === mostRedirects)
        throw this.#lost(request.url, `leads to more than ${mostRedirects} other addresses`)
      current = this.#redirected(current, response.status, location)
    }
  }

  async #fetch({ url, method = 'GET', headers, body }: HttpRequest): Promise<Response> {
    return await this.#awaited(url, () =>
      fetch(url, {
        method,
        headers: {
          'accept-encoding': 'gzip, deflate, br',
          'user-agent': `dwh/${packageVersion}`,
          ...headers,
        },
        redirect: 'manual',
        signal: this.#controller.signal,
        ...(body === undefined ? {} : { body }),
      }),
    )
  }

  #redirected(request: HttpRequest, status: number, location: string): HttpRequest {
    const [from, to] = [new URL(request.url), URL.parse(location, request.url)]
    if (!to || !/^https?:$/.test(to.protocol)) throw this.#lost(request.url, 'leads to what is no address')
    if (from.protocol === 'https:' && to.protocol === 'http:')
      throw this.#lost(request.url, 'leads from https to http, which is not followed')
    const asksAnew = status === 303 || (status < 303 && request.method === 'POST')
    const { headers, body, method, ...rest } = request
    const next: HttpRequest = { ...rest, url: to.href }
    if (headers) next.headers = headers
    if (method && !asksAnew) next.method = method
    if (body !== undefined && !asksAnew) next.body = body
    if (from.origin === to.origin) return next
    if (next.body !== undefined)
      throw this.#lost(request.url, `leads to ${to.host}, to which the body of a POST is not sent`)
    const entries = Object.entries(headers ?? {}).filter(([name]) => harmless.includes(name.toLowerCase()))
    return { ...next, headers: Object.fromEntries(entries) }
  }

  #lost(url: string, why: string): DwhError {
    return new DwhError('INPUT_BROKEN', `${this.#options.secrets.maskUrl(url)} ${why}; nothing was read`, {
      hint: 'name the address that it leads to in the warehouse file, if that one is trusted',
    })
  }

  async *#pieces(response: Response, url: string): AsyncGenerator<Buffer> {
    if (!response.body) return
    const reader = response.body.getReader()
    for (;;) {
      const { done, value } = await this.#awaited(url, () => reader.read())
      if (done) return
      this.bytes += value.length
      const { largest } = this.#options
      if (this.bytes > largest)
        throw new DwhError(
          'INPUT_BROKEN',
          `${this.#options.secrets.maskUrl(url)} answers with more than ${largest} bytes; nothing of it was taken`,
          { hint: 'ask for fewer rows a page, or for a smaller window' },
        )
      const piece = Buffer.from(value.buffer, value.byteOffset, value.byteLength)
      yield piece
      // The garbage collector would let a hundred megabytes of them gather.
      if (piece.length === piece.buffer.byteLength) releaseBlock(piece)
    }
  }

  /** Waits for the host; the time that whoever reads takes between two pieces does not count. */
  async #awaited<T>(url: string, answer: () => Promise<T>): Promise<T> {
    this.#waiting = true
    this.#idle.refresh()
    try {
      return await answer()
    } catch (error) {
      this.#signal.throwIfAborted()
      const { timeout, secrets } = this.#options
      const shown = secrets.maskUrl(url)
      if (this.#timedOut)
        throw new TryAgain(`${shown} has been silent for ${timeout} seconds`, { cause: error })
      throw transportTrouble(error, shown)
    } finally {
      this.#waiting = false
    }
  }

  #expire(): void {
    if (!this.#waiting) return
    this.#timedOut = true
    this.#controller.abort()
  }

  readonly #stop = () => this.#controller.abort(this.#signal.reason)

  /** Closes the connection where the answer was not read to its end. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#idle)
    this.#signal.removeEventListener('abort', this.#stop)
    this.#controller.abort()
  }
}
