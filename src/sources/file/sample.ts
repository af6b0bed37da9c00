import { fill } from './byte-stream.ts'
import type { Plain } from './decompress.ts'
import type { InputRecord, Sample } from './reader.ts'

const places = 20
const pieceBytes = 64 * 1024

/** The whole records of a piece of text. `last`: nothing follows. */
export type CutPiece = (
  piece: Buffer,
  last: boolean,
  position: { line: number; offset: number },
) => { records: InputRecord[]; end: number }

/**
 * Records from 20 places of a file, or as much from its beginning where it is compressed: a file sorted by time then shows
 * only its first days.
 *
 * @param start where in the text the first record begins
 */
export async function sampleText(file: Plain, start: number, cut: CutPiece): Promise<Sample> {
  const { bytes, path } = file.stored
  const seekable = path !== undefined && file.compression === undefined
  return seekable && bytes - start > places * pieceBytes
    ? await samplePlaces(file, start, cut)
    : await sampleBeginning(file, start, cut)
}

/** Also of what can be read in one direction only. */
export async function sampleBeginning(file: Plain, start: number, cut: CutPiece): Promise<Sample> {
  await using stream = await file.open(start)
  const buffer = Buffer.allocUnsafe(places * pieceBytes)
  const length = await fill(stream, buffer)
  const { stored } = stream
  const last = length < buffer.length
  const { records, end } = cut(buffer.subarray(0, length), last, { line: 1, offset: start })
  if (last || end === 0) return { records, rows: records.length }
  const textBytes = ((start + length) * file.stored.bytes) / Math.max(stored, 1)
  return { records, rows: Math.round((records.length / end) * (textBytes - start)) }
}

async function samplePlaces(file: Plain, start: number, cut: CutPiece): Promise<Sample> {
  const room = file.stored.bytes - start - pieceBytes
  const records: InputRecord[] = []
  let cutBytes = 0
  for (let place = 0; place < places; place++) {
    const offset = start + Math.floor((room * place) / (places - 1))
    await using stream = await file.open(offset)
    const buffer = Buffer.allocUnsafe(pieceBytes)
    const piece = buffer.subarray(0, await fill(stream, buffer))
    const skipped = place === 0 ? 0 : piece.indexOf('\n') + 1
    const found = cut(piece.subarray(skipped), false, { line: 1, offset: offset + skipped })
    cutBytes += found.end
    records.push(...(place === 0 ? found.records : found.records.filter(isWhole)))
  }
  return { records, rows: Math.round((records.length / Math.max(cutBytes, 1)) * (file.stored.bytes - start)) }
}

/** Whoever begins in the middle may begin within quotes, and takes for records what is none. Their lines are not known. */
function isWhole(record: InputRecord): boolean {
  record.line = 0
  return record.problem === undefined
}
