import { createHash, randomUUID } from 'node:crypto'
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Work } from '../../events.ts'
import type { HttpClient } from './client.ts'
import type { Answer } from './exchange.ts'
import { Part, type Validators } from './part.ts'
import { TryAgain } from './trouble.ts'

/** A file of a host that lies in the cache. It stays as it is for a day at least, also when a newer one comes. */
export interface Download {
  path: string
  bytes: number
  /** As the host named this edition of it, where it did. */
  etag: string | undefined
  lastModified: string | undefined
  /** It was there already, and the host says that it has not changed. */
  unchanged: boolean
}

/** What is kept of a download beside its bytes. */
interface Kept extends Validators {
  url: string
  file: string
  bytes: number
  /** Editions before it, which somebody may still read, and when they were replaced. */
  former: { file: string; since: number }[]
}

const standardLargest = 8 * 1024 ** 3
const day = 86_400_000

/**
 * Fetches a file into the cache unless it is there and has not changed; one that breaks off is resumed where the host allows,
 * also by a later process. Several processes may share the folder.
 *
 * @param folder must exist
 * @throws DwhError as `HttpClient.request`, DISK_FULL
 */
export async function download(
  client: HttpClient,
  url: string,
  folder: string,
  work: Work,
  { largest = standardLargest }: { largest?: number } = {},
): Promise<Download> {
  const place = join(folder, createHash('sha256').update(url).digest('hex').slice(0, 32))
  await mkdir(place, { recursive: true, mode: 0o700 })
  const kept = await readKept(place)
  await using part = await Part.take(place)
  const request = () => ({
    url,
    headers: { 'accept-encoding': 'identity', ...(part.range ?? condition(kept)) },
  })
  const accepts = [304, 416]
  return await client.request(
    request,
    work,
    (answer) => receive(answer, { part, kept, place, url: client.secrets.maskUrl(url) }),
    {
      accepts,
      largest,
    },
  )
}

interface Receiving {
  part: Part
  kept: Kept | undefined
  place: string
  /** Without its secrets. */
  url: string
}

async function receive({ status, headers, body }: Answer, receiving: Receiving): Promise<Download> {
  const { part, kept, place, url } = receiving
  if (status === 304 && kept) return found(place, kept, true)
  const [, from, total] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(headers.get('content-range') ?? '') ?? []
  if (status === 206 && Number(from) !== part.bytes) {
    await part.begin({ etag: null, lastModified: null })
    throw new TryAgain(`${url} answers with another range than the one that was asked for`)
  }
  if (status === 304 || status === 416) {
    await part.begin({ etag: null, lastModified: null })
    throw new TryAgain(`${url} has no such range any more`)
  }
  if (status !== 206)
    await part.begin({ etag: headers.get('etag'), lastModified: headers.get('last-modified') })
  for await (const piece of body) await part.append(piece)
  const whole = Number(status === 206 ? total : (headers.get('content-length') ?? Number.NaN))
  // A host that packs it all the same announces the packed bytes.
  if (!headers.has('content-encoding') && !Number.isNaN(whole) && whole !== part.bytes)
    throw new TryAgain(`${url} gave ${part.bytes} bytes of ${whole}`)
  return await keep(receiving)
}

/** Gives the bytes their place; who reads the edition before goes on reading it. */
async function keep({ part, kept: before, place, url }: Receiving): Promise<Download> {
  const all = before ? [...before.former, { file: before.file, since: Date.now() }] : []
  const former = all.filter(({ since }) => Date.now() - since < day)
  const kept: Kept = { url, file: `${randomUUID()}.body`, bytes: part.bytes, former, ...part.validators }
  await part.finish(join(place, kept.file))
  const draft = join(place, `${kept.file}.json`)
  await writeFile(draft, JSON.stringify(kept), { mode: 0o600 })
  await rename(draft, join(place, 'kept.json'))
  for (const { file } of all.filter((one) => !former.includes(one)))
    await rm(join(place, file), { force: true })
  return found(place, kept, false)
}

/** What lies there, if it is whole. */
async function readKept(place: string): Promise<Kept | undefined> {
  try {
    const kept: Kept = JSON.parse(await readFile(join(place, 'kept.json'), 'utf8'))
    const { size } = await stat(join(place, kept.file))
    return size === kept.bytes ? kept : undefined
  } catch {
    // Whatever is wrong with a cache, it is filled anew.
    return undefined
  }
}

function condition(kept: Kept | undefined): Record<string, string> {
  return {
    ...(kept?.etag && { 'if-none-match': kept.etag }),
    ...(kept?.lastModified && { 'if-modified-since': kept.lastModified }),
  }
}

function found(place: string, { file, bytes, etag, lastModified }: Kept, unchanged: boolean): Download {
  return {
    path: join(place, file),
    bytes,
    etag: etag ?? undefined,
    lastModified: lastModified ?? undefined,
    unchanged,
  }
}
