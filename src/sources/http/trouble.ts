import { DwhError } from '../../errors.ts'

/** What may be mended by asking once more. The message is for people and holds no secret. */
export class TryAgain extends Error {
  /** Seconds that the host wants to be left alone for, where it said so. */
  readonly after: number | undefined
  /** The host has refused for having been asked too often, which is no failure of its own. */
  readonly tooOften: boolean

  constructor(
    message: string,
    options: { after?: number | undefined; tooOften?: boolean; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause })
    this.after = options.after
    this.tooOften = options.tooOften ?? false
  }
}

/** An answer that asking again does not mend. */
export class Refused extends DwhError {
  readonly status: number
  /** Its beginning. */
  readonly body: string

  constructor(status: number, body: string, message: string) {
    super(status === 401 || status === 403 ? 'LOGIN_REFUSED' : 'CONFIG_INVALID', message, {
      hint: hintOf(status),
    })
    this.status = status
    this.body = body
  }
}

function hintOf(status: number): string {
  if (status === 401 || status === 403)
    return 'look at the headers and `oauth` of the source in the warehouse file, and at the variables they name'
  if (status === 404) return 'look at the `url` of the source in the warehouse file'
  return 'look at the query and the parameters of the source in the warehouse file'
}

/** Statuses of overload and of things that pass: what Hub'Eau and the proxies before such services answer with. */
const passing = new Set([408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524])

export function mayPass(status: number): boolean {
  return passing.has(status)
}

/**
 * Seconds that an answer asks to wait, as a number or as a date, the latter by the clock of the host itself.
 *
 * @returns undefined where it says nothing that can be read
 */
export function retryAfter(headers: Headers, now: number): number | undefined {
  const text = headers.get('retry-after')?.trim()
  if (!text) return undefined
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text)
  const until = Date.parse(text)
  if (Number.isNaN(until)) return undefined
  const answered = Date.parse(headers.get('date') ?? '')
  return Math.max(0, (until - (Number.isNaN(answered) ? now : answered)) / 1000)
}

const [firstPause, longestPause] = [0.5, 60]

/** Seconds before another try, at random within the upper half, so that workers do not come back all at once. */
export function pause(failures: number): number {
  const most = Math.min(longestPause, firstPause * 2 ** (failures - 1))
  return most * (0.5 + Math.random() / 2)
}

/** What keeps failing however often it is tried: a certificate that is not trusted, a wrong address. */
const lasting = /^(CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|ERR_TLS_|HOSTNAME_MISMATCH|ERR_INVALID|EPROTO)/

/** What a broken exchange means: an error of Node.js's fetch hides it in its cause. */
export function transportTrouble(error: unknown, shown: string): Error {
  if (error instanceof TryAgain || error instanceof DwhError) return error
  const cause = deepest(error)
  const { code } = cause as NodeJS.ErrnoException
  const message = `${shown}: ${code && !cause.message.includes(code) ? `${code} ` : ''}${cause.message}`
  if (code && lasting.test(code))
    return new DwhError('TLS_FAILED', `${message}; nothing was read`, {
      hint: 'a private authority is trusted with NODE_EXTRA_CA_CERTS=FILE',
      cause,
    })
  return new TryAgain(message, { cause })
}

function deepest(error: unknown): Error {
  if (!(error instanceof Error)) return new Error(String(error))
  if (error instanceof AggregateError && error.errors[0] instanceof Error) return deepest(error.errors[0])
  return error.cause instanceof Error ? deepest(error.cause) : error
}

/** `https://host/path?query answered 429` → `answered 429`: who was asked is told anyway, and addresses are long. */
export function withoutAddress(reason: string): string {
  return reason.replace(/^https?:\S+ (?=\S)/, '')
}
