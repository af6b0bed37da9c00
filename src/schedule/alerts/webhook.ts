import { setTimeout as sleep } from 'node:timers/promises'
import { headline, type Message } from './message.ts'

const tries = 3
const patience = 10_000

/**
 * POSTs the message as JSON; `text` beside its members is what chats show. What may be of short duration (no answer, 429, 5xx) is
 * tried again at once, and by the next look afterwards.
 *
 * @throws Error without the URL, which is often a password
 */
export async function tellWebhook(url: string, message: Message, signal: AbortSignal): Promise<void> {
  const body = JSON.stringify({ text: headline(message), ...message })
  for (let attempt = 1; ; attempt++) {
    const problem = await post(url, body, signal)
    if (problem === undefined) return
    if (attempt === tries || !problem.mayPass) throw new Error(problem.text)
    await sleep(500 * 2 ** attempt, undefined, { signal })
  }
}

async function post(url: string, body: string, signal: AbortSignal) {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      ...{ body, redirect: 'error' },
      signal: AbortSignal.any([signal, AbortSignal.timeout(patience)]),
    })
    await response.body?.cancel()
    if (response.ok) return undefined
    const { status, statusText } = response
    return { text: `${status} ${statusText}`.trim(), mayPass: status === 429 || status >= 500 }
  } catch (error) {
    const cause = (error as Error).cause as NodeJS.ErrnoException | undefined
    return { text: cause?.code ?? cause?.message ?? (error as Error).message, mayPass: !signal.aborted }
  }
}
