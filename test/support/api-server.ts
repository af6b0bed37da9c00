import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'

/** What an API answers, before faults. */
export interface Reply {
  status?: number
  headers?: Record<string, string>
  /** An object becomes JSON. */
  body?: string | Buffer | object
}

/** What a request asks. */
export interface Asked {
  method: string
  /** With the address of the server. */
  url: URL
  headers: IncomingMessage['headers']
  body: string
  /** Address of the server. */
  base: string
}

/** An API that the server plays: undefined where the path is none of its own. */
export type Api = (asked: Asked) => Reply | undefined | Promise<Reply | undefined>

/**
 * What goes wrong with an answer: it is told which request it is, counted from 1, and what would have been answered.
 * - `cut`: the connection breaks after so many bytes
 * - `silent`: nothing comes any more after the headers
 * - `slow`: milliseconds before the answer
 * - `drop`: the connection breaks before any answer
 */
export interface Fault extends Reply {
  cut?: number
  silent?: true
  slow?: number
  drop?: true
}

export type Faults = (request: number, asked: Asked, reply: Reply) => Fault | undefined

/** A server of this machine, held with `await using`. */
export interface ApiServer extends AsyncDisposable {
  /** `http://127.0.0.1:12345` */
  base: string
  /** As `URL.host`. */
  host: string
  /** What was asked so far, with when. */
  asked: (Asked & { at: number })[]
  /** Requests at the same time, at the most so far. */
  most: number
  /** What goes wrong from now on. */
  faults: Faults
}

/**
 * Plays APIs over HTTP, each at its paths, with gzip for whoever takes it, ETag, If-None-Match, Range and If-Range.
 *
 *     await using server = await apiServer([hubeau({ rows: () => … })])
 *     server.faults = once({ status: 500 })
 */
export async function apiServer(apis: Api[]): Promise<ApiServer> {
  const served: Omit<ApiServer, typeof Symbol.asyncDispose> = {
    base: '',
    host: '',
    asked: [],
    most: 0,
    faults: () => undefined,
  }
  let active = 0
  const server = createServer(async (request, response) => {
    active++
    served.most = Math.max(served.most, active)
    response.on('close', () => active--)
    const asked = await readAsked(request, served.base)
    served.asked.push({ ...asked, at: performance.now() })
    const number = served.asked.length
    let reply: Reply | undefined
    for (const api of apis) reply ??= await api(asked)
    reply ??= { status: 404, body: { code: 'NotFound', message: `no such path ${asked.url.pathname}` } }
    await answer(asked, response, reply, served.faults(number, asked, reply))
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const { port } = server.address() as AddressInfo
  served.host = `127.0.0.1:${port}`
  served.base = `http://${served.host}`
  const close = async () => {
    server.closeAllConnections()
    await new Promise((closed) => server.close(closed))
  }
  return Object.assign(served, { [Symbol.asyncDispose]: close })
}

/** The first of some requests goes wrong. */
export function once(fault: Fault, when: (asked: Asked) => boolean = () => true): Faults {
  let done = false
  return (_, asked) => {
    if (done || !when(asked)) return undefined
    done = true
    return fault
  }
}

async function readAsked(request: IncomingMessage, base: string): Promise<Asked> {
  const pieces: Buffer[] = []
  for await (const piece of request) pieces.push(piece)
  const { method = '', url = '/', headers } = request
  return { method, url: new URL(url, base), headers, body: Buffer.concat(pieces).toString(), base }
}

async function answer(
  asked: Asked,
  response: ServerResponse,
  reply: Reply,
  fault: Fault = {},
): Promise<void> {
  if (fault.slow) await sleep(fault.slow)
  if (fault.drop) return void response.destroy()
  const { status = 200, headers = {}, body = '' } = { ...reply, ...fault }
  const isJson = typeof body === 'object' && !Buffer.isBuffer(body)
  const whole = Buffer.isBuffer(body) ? body : Buffer.from(isJson ? JSON.stringify(body) : (body as string))
  const own = { ...(isJson && { 'content-type': 'application/json;charset=utf-8' }), ...headers }
  const { bytes, ...sent } = present(asked, status, own, whole)
  response.writeHead(sent.status, { ...sent.headers, 'content-length': bytes.length })
  if (fault.silent) return void response.flushHeaders()
  if (asked.method === 'HEAD') return void response.end()
  if (fault.cut === undefined) return void response.end(bytes)
  response.write(bytes.subarray(0, fault.cut))
  // What came just before the end of a connection is lost to whoever had not read it yet.
  await sleep(100)
  response.destroy()
}

/** What of a file is sent, and how it is packed. */
function present(asked: Asked, status: number, headers: Record<string, string>, whole: Buffer) {
  if (status !== 200) return { status, headers, bytes: whole }
  const etag = headers.etag ?? `"${createHash('sha256').update(whole).digest('hex').slice(0, 16)}"`
  const tagged = { ...headers, etag }
  if (asked.headers['if-none-match'] === etag) return { status: 304, headers: tagged, bytes: Buffer.alloc(0) }
  const [, from] = /^bytes=(\d+)-$/.exec(asked.headers.range ?? '') ?? []
  const same = asked.headers['if-range'] === undefined || asked.headers['if-range'] === etag
  if (from !== undefined && same) {
    const range = `bytes ${from}-${whole.length - 1}/${whole.length}`
    return {
      status: 206,
      headers: { ...tagged, 'content-range': range },
      bytes: whole.subarray(Number(from)),
    }
  }
  if (headers['content-encoding'] || !/\bgzip\b/.test(String(asked.headers['accept-encoding'] ?? '')))
    return { status, headers: tagged, bytes: whole }
  return { status, headers: { ...tagged, 'content-encoding': 'gzip' }, bytes: gzipSync(whole, { level: 1 }) }
}
