import { DwhError } from '../../errors.ts'
import type { Work } from '../../events.ts'
import type { JsonTemplate } from '../file/json-template.ts'
import type { Wish } from '../window.ts'
import type { HttpClient } from './client.ts'
import type { Each } from './each.ts'
import type { Answer, HttpRequest } from './exchange.ts'
import type { Page, Protocol } from './protocol.ts'
import { BrokenPage, RecordCutter } from './record-cutter.ts'
import type { RecordSpool } from './record-spool.ts'
import { Refused, TryAgain } from './trouble.ts'

/** What is read with, and where to. */
export interface Reading {
  client: HttpClient
  protocol: Protocol
  /** Where a parameter stands for a list of values. */
  each: Each | undefined
  spool: RecordSpool
  /** Of the records of pages before. */
  template: JsonTemplate
  work: Work
}

/** More rows than the API gives of one question. */
export class TooDeep extends Error {
  /** As far as the API says. */
  readonly count: number | undefined

  constructor(count?: number) {
    super()
    this.count = count
  }
}

/**
 * Puts the records of a page into the spool, all or none.
 *
 * @param isFirst its count decides whether the window is too deep, before its rows have come
 * @throws TooDeep
 * @throws DwhError SOURCE_FAILED, INPUT_BROKEN, and as `HttpClient.request`
 */
export async function readPage(
  { client, protocol, spool, template, work }: Reading,
  request: HttpRequest,
  isFirst: boolean,
): Promise<Pick<Page, 'envelope' | 'records'>> {
  const mark = spool.mark()
  let announced: number | undefined
  const judge = (envelope: unknown) => {
    const [count, most] = [protocol.count(envelope), protocol.mostRows]
    announced = count
    if (isFirst && most !== undefined && count !== undefined && count > most) throw new TooDeep(count)
  }
  const tell = (done: number) => {
    const total = Math.max(done, announced ?? 0)
    work.emit({ type: 'progress', step: 'fetch', done, total, unit: 'rows' })
  }
  try {
    return await client.request(request, work, async (answer) => {
      await spool.rewind(mark)
      const page = new Cutting(client, protocol, request, template)
      const envelope = await page.cut(answer, async (piece, isFirstPiece) => {
        if (isFirstPiece) judge(page.soFar())
        await spool.write(piece)
        tell(spool.records + page.records)
        return true
      })
      judge(envelope)
      spool.records += page.records
      tell(spool.records)
      return { envelope, records: page.records }
    })
  } catch (error) {
    if (error instanceof Refused && protocol.isTooDeep(error.status, error.body)) throw new TooDeep()
    throw error
  }
}

/** How many rows a wish has, as the API says on the first page, whose rows are not read. */
export async function readCount(
  client: HttpClient,
  protocol: Protocol,
  wish: Wish,
  work: Work,
): Promise<number | undefined> {
  const request = protocol.probe(wish)
  try {
    return await client.request(request, work, async (answer) => {
      const page = new Cutting(client, protocol, request)
      let count: number | undefined
      const envelope = await page.cut(answer, async () => {
        count ??= protocol.count(page.soFar())
        return count === undefined
      })
      return count ?? protocol.count(envelope)
    })
  } catch (error) {
    if (error instanceof Refused && protocol.isTooDeep(error.status, error.body)) return undefined
    throw error
  }
}

/** One answer, while it is cut into records. */
class Cutting {
  readonly #client: HttpClient
  readonly #protocol: Protocol
  readonly #shown: string
  readonly #cutter: RecordCutter
  #head = ''

  constructor(client: HttpClient, protocol: Protocol, { url }: HttpRequest, template?: JsonTemplate) {
    this.#client = client
    this.#protocol = protocol
    this.#shown = client.secrets.maskUrl(url)
    this.#cutter = new RecordCutter(protocol.recordsPath, template)
  }

  get records(): number {
    return this.#cutter.records
  }

  /** What came before the records. */
  soFar(): unknown {
    return this.#cutter.soFar()
  }

  /**
   * @param take is given the records, line by line; false ends it
   * @returns what is around them
   * @throws TryAgain for what is no JSON, or was cut
   * @throws DwhError INPUT_BROKEN where there are no records at the path
   */
  async cut({ body }: Answer, take: (piece: Buffer, isFirst: boolean) => Promise<boolean>): Promise<unknown> {
    let isFirst = true
    try {
      for await (const bytes of body) {
        if (this.#head.length < 500) this.#head += bytes.toString('utf8', 0, 1000)
        for (const piece of this.#cutter.push(bytes)) {
          if (!(await take(piece, isFirst))) return undefined
          isFirst = false
        }
      }
      const envelope = this.#cutter.end()
      this.#protocol.refuse(envelope)
      if (this.#cutter.found !== 'records' && this.#cutter.found !== 'null') throw this.#wrongPath(envelope)
      return envelope
    } catch (error) {
      if (!(error instanceof BrokenPage)) throw error
      const excerpt = this.#client.excerpt(this.#head)
      throw new TryAgain(
        `${this.#shown} answered with what cannot be read: ${error.message}; it begins: ${excerpt}`,
      )
    }
  }

  #wrongPath(envelope: unknown): DwhError {
    const path = this.#protocol.recordsPath.join('.').replaceAll('.[]', '[]') || '.'
    const isObject = typeof envelope === 'object' && envelope !== null && !Array.isArray(envelope)
    const keys = isObject ? `; the answer has ${Object.keys(envelope).slice(0, 10).join(', ')}` : ''
    const excerpt = this.#client.excerpt(this.#head)
    return new DwhError('INPUT_BROKEN', `${this.#shown} has no rows at ${path}; it begins: ${excerpt}`, {
      hint: `look at \`${this.#protocol.pathSetting}\` of the source in the warehouse file${keys}`,
    })
  }
}
