import { isUtf8 } from 'node:buffer'
import { DwhError } from '../../errors.ts'

/** An encoding in which every byte below 0x80 is ASCII. */
export interface Encoding {
  /** As PostgreSQL names it. */
  name: string
  /** Text of which each character stands for one byte, made real; undefined where the bytes are not of this encoding. */
  decode(bytes: string): string | undefined
}

/** PostgreSQL's names of single-byte encodings → the label that TextDecoder knows. */
const labels: Record<string, string> = {
  LATIN1: 'iso-8859-1',
  LATIN2: 'iso-8859-2',
  LATIN3: 'iso-8859-3',
  LATIN4: 'iso-8859-4',
  LATIN5: 'iso-8859-9',
  LATIN6: 'iso-8859-10',
  LATIN7: 'iso-8859-13',
  LATIN8: 'iso-8859-14',
  LATIN9: 'iso-8859-15',
  LATIN10: 'iso-8859-16',
  ISO_8859_5: 'iso-8859-5',
  ISO_8859_6: 'iso-8859-6',
  ISO_8859_7: 'iso-8859-7',
  ISO_8859_8: 'iso-8859-8',
  WIN1250: 'windows-1250',
  WIN1251: 'windows-1251',
  WIN1252: 'windows-1252',
  WIN1253: 'windows-1253',
  WIN1254: 'windows-1254',
  WIN1255: 'windows-1255',
  WIN1256: 'windows-1256',
  WIN1257: 'windows-1257',
  WIN1258: 'windows-1258',
  KOI8R: 'koi8-r',
  KOI8U: 'koi8-u',
}

/** Where PostgreSQL does not follow the web. */
const departures: Record<string, Record<number, string | undefined>> = {
  KOI8U: { 174: '╝', 190: '╬' },
  WIN1255: { 202: undefined },
}

/** The names of all encodings that are read, as PostgreSQL spells them. */
export const encodingNames = ['UTF8', ...Object.keys(labels)]

/**
 * An encoding by any usual name: latin1, iso-8859-1, ISO_8859_1, windows-1252, cp1252, WIN1252, utf-8 …
 *
 * @throws DwhError USAGE for one that is not read
 */
export function encodingOf(name = 'utf-8'): Encoding {
  const canonical = encodingNames.find((known) => spellings(known).includes(fold(name)))
  if (canonical === 'UTF8' || fold(name) === 'ascii') return utf8
  if (canonical !== undefined) return singleByte(canonical, labels[canonical] as string)
  throw new DwhError('USAGE', `the encoding ${name} is not read`, {
    hint: `UTF-8 and single-byte encodings are (latin1, windows-1252 …); convert others: iconv -f ${name} -t UTF-8 FILE | dwh load … -`,
  })
}

const utf8: Encoding = {
  name: 'UTF8',
  decode: (bytes) => {
    const buffer = Buffer.from(bytes, 'latin1')
    return isUtf8(buffer) ? buffer.toString() : undefined
  },
}

function singleByte(name: string, label: string): Encoding {
  const table = Object.assign(decodingTable(label), departures[name])
  return {
    name,
    decode: (bytes) => {
      let text = ''
      for (let at = 0; at < bytes.length; at++) {
        const character = table[bytes.charCodeAt(at)]
        if (character === undefined) return undefined
        text += character
      }
      return text
    },
  }
}

/** What each byte means; undefined where it means nothing, as PostgreSQL has it. */
function decodingTable(label: string): (string | undefined)[] {
  const decoder = new TextDecoder(label)
  return Array.from({ length: 256 }, (_, byte) => {
    const control = byte >= 0x80 && byte < 0xa0
    // The web reads these labels as the Windows encodings that resemble them; ISO has control characters there.
    if (control && label.startsWith('iso-')) return String.fromCharCode(byte)
    const character = decoder.decode(Uint8Array.of(byte))
    // The web gives bytes without a meaning to control characters (0x81 of windows-1252); PostgreSQL refuses them.
    const meaningless = character === '\ufffd' || (control && character === String.fromCharCode(byte))
    return meaningless ? undefined : character
  })
}

/** @throws DwhError INPUT_BROKEN for text in UTF-16 or UTF-32, told by its first bytes */
export function refuseWide(name: string, start: Buffer): void {
  const mark = start.length >= 2 ? start.readUInt16BE() : 0
  if (mark !== 0xfffe && mark !== 0xfeff) return
  throw new DwhError('INPUT_BROKEN', `${name} is text in UTF-16, which is not read`, {
    hint: `convert it: iconv -f UTF-16 -t UTF-8 FILE | dwh load … -`,
  })
}

/** The length of a byte order mark of UTF-8 at the beginning, 0 without one. */
export function markLength(start: Buffer): number {
  return start.length >= 3 && start[0] === 0xef && start[1] === 0xbb && start[2] === 0xbf ? 3 : 0
}

/** latin1, LATIN1, iso-8859-1 and ISO_8859_1 are one. */
function spellings(canonical: string): string[] {
  const label = labels[canonical] ?? 'utf-8'
  const code = label.replace(/^windows-/, '')
  return [canonical, label, `cp${code}`, `win${code}`, `windows${code}`, label.replace(/^iso-/, 'iso')].map(
    fold,
  )
}

function fold(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '')
}
