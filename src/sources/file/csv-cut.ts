import type { Dialect } from './reader.ts'

/** A record of csv between two indexes of a text. */
export interface Cut {
  fields: (string | null)[]
  /** Index of its line end, or the end of the text. */
  end: number
  /** Index after its line end. */
  next: number
  /** Line ends within it and after it. */
  lines: number
  /** A quote is open at the end of the text. */
  unclosed: boolean
}

const LF = 0x0a
const CR = 0x0d

export interface Cutter {
  /** Cuts the record that begins at an index. */
  cut(start: number): Cut
}

/** Cuts a text without quotes and CR, by native searches. */
export class LineCutter implements Cutter {
  readonly #text: string
  readonly #delimiter: string
  readonly #nullText: string
  /** The first delimiter that is not passed yet: in a file of one column it is far away, and is not looked for on each line. */
  #ahead = -1

  constructor(text: string, { delimiter, nullText }: Dialect) {
    this.#text = text
    this.#delimiter = delimiter
    this.#nullText = nullText
  }

  cut(start: number): Cut {
    const text = this.#text
    const found = text.indexOf('\n', start)
    const end = found < 0 ? text.length : found
    const fields: (string | null)[] = []
    let from = start
    let at = this.#ahead >= from ? this.#ahead : this.#search(from)
    for (; at < end; at = this.#search(from)) {
      fields.push(orNull(text.slice(from, at), this.#nullText))
      from = at + 1
    }
    this.#ahead = at
    fields.push(orNull(text.slice(from, end), this.#nullText))
    return { fields, end, next: end + 1, lines: 1, unclosed: false }
  }

  #search(from: number): number {
    const found = this.#text.indexOf(this.#delimiter, from)
    return found < 0 ? this.#text.length : found
  }
}

function orNull(field: string, nullText: string): string | null {
  return field === nullText ? null : field
}

/**
 * Cuts records by the rules of COPY: a quote toggles wherever in a field it stands, a quoted field is never NULL, and line ends
 * within quotes belong to the field.
 */
export class QuotedCutter implements Cutter {
  readonly #text: string
  readonly #delimiter: number
  readonly #quote: number
  readonly #escape: number
  readonly #nullText: string
  #at = 0
  #lines = 0
  #unclosed = false

  constructor(text: string, dialect: Dialect) {
    this.#text = text
    this.#delimiter = dialect.delimiter.charCodeAt(0)
    this.#quote = dialect.quote.charCodeAt(0)
    this.#escape = dialect.escape.charCodeAt(0)
    this.#nullText = dialect.nullText
  }

  cut(start: number): Cut {
    this.#at = start
    this.#lines = 1
    this.#unclosed = false
    const fields = [this.#field()]
    while (this.#text.charCodeAt(this.#at) === this.#delimiter) {
      this.#at++
      fields.push(this.#field())
    }
    const end = this.#at
    const paired = this.#text.charCodeAt(end) === CR && this.#text.charCodeAt(end + 1) === LF
    return { fields, end, next: end + (paired ? 2 : 1), lines: this.#lines, unclosed: this.#unclosed }
  }

  /** One field; stops at what ends it. */
  #field(): string | null {
    let value = this.#unquoted()
    if (this.#text.charCodeAt(this.#at) !== this.#quote) return orNull(value, this.#nullText)
    while (this.#text.charCodeAt(this.#at) === this.#quote) value += this.#quoted() + this.#unquoted()
    return value
  }

  #unquoted(): string {
    const text = this.#text
    const from = this.#at
    let at = from
    for (; at < text.length; at++) {
      const code = text.charCodeAt(at)
      if (code === this.#delimiter || code === this.#quote || code === LF || code === CR) break
    }
    this.#at = at
    return text.slice(from, at)
  }

  /** From an opening quote to after the closing one. */
  #quoted(): string {
    const text = this.#text
    let value = ''
    let at = this.#at + 1
    let from = at
    for (; at < text.length; at++) {
      const code = text.charCodeAt(at)
      if (code === this.#escape && this.#canBeEscaped(text.charCodeAt(at + 1))) {
        value += text.slice(from, at)
        from = ++at
      } else if (code === this.#quote) {
        this.#at = at + 1
        return value + text.slice(from, at)
      } else if (code === LF || (code === CR && text.charCodeAt(at + 1) !== LF)) this.#lines++
    }
    this.#at = at
    this.#unclosed = true
    return value + text.slice(from)
  }

  #canBeEscaped(code: number): boolean {
    return code === this.#escape || code === this.#quote
  }
}
