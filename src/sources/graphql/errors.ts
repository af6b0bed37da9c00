import { valueAt } from '../http/protocol.ts'
import type { Secrets } from '../http/secrets.ts'
import { Refused, TryAgain } from '../http/trouble.ts'

/** What servers call what passes, in `extensions.code` or in the message. */
const passing =
  /internal.?server|internal error|service.?unavailable|throttl|rate.?limit|too many|time.?d? ?out|overload|temporar|try again|unexpected error/i
const login =
  /unauthenticated|unauthorized|forbidden|access.?denied|invalid.?token|token.?expired|not logged in/i
const tooOften = /throttl|rate.?limit|too many/i

/**
 * GraphQL answers 200 to what failed too; what came beside `errors` is not whole.
 *
 * @throws TryAgain for what may pass
 * @throws Refused for the rest
 */
export function refuseErrors(envelope: unknown, url: string, secrets: Secrets): void {
  const errors = valueAt(envelope, 'errors')
  if (!Array.isArray(errors) || errors.length === 0) return
  const texts = errors.map((error) => {
    const [code, message] = [valueAt(error, 'extensions.code'), valueAt(error, 'message')]
    return [code, message].filter((text) => typeof text === 'string').join(': ') || JSON.stringify(error)
  })
  const all = secrets.mask(texts.join('; ')).replace(/\s+/g, ' ').slice(0, 300)
  const message = `${secrets.maskUrl(url)} answered with errors: ${all}`
  if (texts.some((text) => login.test(text))) throw new Refused(401, all, message)
  if (texts.some((text) => passing.test(text)))
    throw new TryAgain(message, { tooOften: texts.some((text) => tooOften.test(text)) })
  throw new Refused(200, all, `${message}; nothing of it was loaded`)
}
