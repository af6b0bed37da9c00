import { DwhError, type ErrorCode, toDwhError } from '../errors.ts'
import type { DwhEvent, Work } from '../events.ts'
import { Refused, withoutAddress } from '../sources/http/trouble.ts'
import type { Source } from '../sources/source.ts'
import type { Check } from './preflight.ts'

/** Milliseconds that all questions of a plan together may take. */
const patience = 10_000
/** Connections that break without an answer before a host counts as out of reach. */
const enough = 2

/** Why a source will not, or may not, give anything. */
interface Trouble {
  /** Nothing can come of it as things are. */
  isSure: boolean
  code: ErrorCode
  text: string
  hint: string | undefined
}

/**
 * The questions that a plan asks sources before anything is begun. At work a host that cannot be reached is tried for minutes,
 * since it may be back; here it is told as soon as it has not been reached twice.
 */
export class Probe {
  readonly #work: Work
  readonly #deadline = performance.now() + patience
  readonly #unreached = new Set<string>()
  readonly #asked = new Map<string, Trouble | undefined>()

  constructor(work: Work) {
    this.#work = work
  }

  /**
   * @param asked the source by the name that people know; one outside is told of where it answers too
   * @returns what it answers; undefined where it does not, which `check` tells, and where no time is left
   */
  async ask<T>(
    { name, isOutside }: { name: string; isOutside: boolean },
    open: () => Promise<Source>,
    question: (source: Source, work: Work) => Promise<T>,
  ): Promise<T | undefined> {
    const left = this.#deadline - performance.now()
    if (left <= 0) return undefined
    const late = AbortSignal.timeout(Math.ceil(left))
    const heard = new Heard(this.#unreached)
    const signal = AbortSignal.any([this.#work.signal, late, heard.signal])
    const emit = (event: DwhEvent) => {
      if (event.type === 'request') heard.note(event)
      // That it waits before it asks once more is what `checks` tells.
      if (event.type !== 'wait') this.#work.emit(event)
    }
    try {
      const answer = await question(await open(), { emit, signal })
      const isThere = isOutside && (answer !== undefined || heard.isAnswered)
      if (isThere && !this.#asked.has(name)) this.#asked.set(name, undefined)
      return answer
    } catch (error) {
      this.#work.signal.throwIfAborted()
      this.#asked.set(name, late.aborted ? tooSlow(heard.problem) : troubleOf(toDwhError(error), heard))
      return undefined
    }
  }

  isTroubled(name: string): boolean {
    return this.#asked.get(name) !== undefined
  }

  /**
   * What the questions have shown: `no` where no source of the plan can give anything.
   *
   * @param mayWait the work begins later: what is out of reach may be back by then
   */
  checks(mayWait: boolean): Check[] {
    const asked = [...this.#asked]
    if (asked.length === 0) return []
    const troubled = asked.filter((entry): entry is [string, Trouble] => entry[1] !== undefined)
    if (troubled.length === 0) return [{ what: 'sources', state: 'yes', finding: answersText(asked) }]
    const isHopeless = troubled.every(([, { isSure }]) => isSure) && troubled.length === asked.length
    return [...Map.groupBy(troubled, ([, { text }]) => text)].map(([text, group]): Check => {
      const names = group.map(([name]) => name)
      const { hint, code } = (group[0] as [string, Trouble])[1]
      const isInTheWay = isHopeless && !mayWait
      return {
        what: 'sources',
        state: isInTheWay ? 'no' : 'warning',
        finding: `${listed(names)}: ${text}`,
        ...(hint === undefined ? {} : { hint }),
        ...(isInTheWay ? { code } : {}),
      }
    })
  }
}

function answersText(asked: [string, unknown][]): string {
  const [first] = asked
  return asked.length === 1 && first ? `${first[0]} answers` : `${asked.length} were asked, and answer`
}

function listed(names: string[]): string {
  const shown = names.length > 3 ? names.slice(0, 2) : names
  const more = names.length - shown.length
  return `${shown.join(', ')}${more > 0 ? ` and ${more} others` : ''}`
}

function tooSlow(last: string | undefined): Trouble {
  const seconds = patience / 1000
  const text = `no answer within ${seconds} s${last === undefined ? '' : `: ${last}`}`
  return { isSure: false, code: 'SOURCE_FAILED', text, hint: undefined }
}

/** What of one window is refused fails that window alone; a host out of reach, a login, a setting fail all of them. */
function troubleOf(error: DwhError, { isAnswered, unreached }: Heard): Trouble {
  const { code, message, hint } = error
  if (unreached !== undefined && code === 'SOURCE_FAILED')
    return {
      isSure: true,
      code,
      text: unreached,
      hint: 'see that this machine reaches it: name, network, proxy',
    }
  const isPassing = code === 'SOURCE_FAILED' && isAnswered
  const isOfOne = error instanceof Refused && code !== 'LOGIN_REFUSED'
  const isSure = lasting.includes(code) && !isPassing && !isOfOne
  return { isSure, code, text: message.split('\n')[0] ?? '', hint }
}

const lasting: ErrorCode[] = [
  'SOURCE_FAILED',
  'SERVER_UNREACHABLE',
  'LOGIN_REFUSED',
  'TLS_FAILED',
  'CONFIG_INVALID',
  'CONFIG_MISSING',
  'PRIVILEGE_MISSING',
]

/** What the requests of one question have come to. */
class Heard {
  readonly #unreached: Set<string>
  readonly #stop = new AbortController()
  #broken = 0
  isAnswered = false
  /** The last one, without the address. */
  problem: string | undefined
  /** That a host cannot be reached, and why. */
  unreached: string | undefined

  /** @param unreached hosts of which it is known */
  constructor(unreached: Set<string>) {
    this.#unreached = unreached
  }

  get signal(): AbortSignal {
    return this.#stop.signal
  }

  note({ host, status, problem }: Extract<DwhEvent, { type: 'request' }>): void {
    this.isAnswered ||= status !== undefined
    if (problem === undefined) return
    this.problem = withoutAddress(problem)
    if (status !== undefined) return
    this.#broken += 1
    this.unreached = `${host} cannot be reached: ${this.problem}`
    if (this.#broken < enough && !this.#unreached.has(host)) return
    this.#unreached.add(host)
    this.#stop.abort(new DwhError('SOURCE_FAILED', this.unreached))
  }
}
