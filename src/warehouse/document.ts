import {
  type Alias,
  type Document,
  isAlias,
  isCollection,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  visit,
  type YAMLError,
} from 'yaml'

/** A mistake and where it stands; line and column count from 1. */
export interface Mistake {
  line: number
  column: number
  /** Of the setting, such as `datasets.measure.partition.grain`; empty where it concerns no single one. */
  path: string
  message: string
}

export type Path = readonly PropertyKey[]

type Position = Pick<Mistake, 'line' | 'column'>

/** What a YAML text holds and where each part of it stands. */
export class YamlText {
  /** Plain values; undefined when the text is no YAML. */
  readonly data: unknown
  /** Of syntax; beside any but a doubled key there is no `data`. */
  readonly mistakes: Mistake[]
  readonly #document: Document.Parsed
  readonly #lines = new LineCounter()
  readonly #anchored = new Map<Alias, unknown>()

  constructor(text: string) {
    this.#document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false, merge: true })
    const { errors } = this.#document
    const broken = errors.some(({ code }) => code !== 'DUPLICATE_KEY')
    const unfit = broken ? [] : this.#unfitNodes()
    this.mistakes = [...oncePerLine(errors.map((error) => this.#syntaxMistake(error, text))), ...unfit]
    if (!broken && unfit.length === 0) this.data = this.#read()
  }

  /**
   * Where a setting stands, through aliases and merges to the line that must be edited; for one that is not there, where
   * the mapping that lacks it begins.
   *
   * @param part `key` for mistakes in a name, `value` for mistakes in what it holds
   */
  position(path: Path, part: 'key' | 'value'): Position {
    let node: unknown = this.#document.contents
    let at = isNode(node) ? node : undefined
    for (const [index, word] of path.entries()) {
      const found = this.#child(node, String(word))
      if (!found) break
      node = found.value
      const last = index === path.length - 1
      const value = isNode(node) && hasPlace(node) ? node : undefined
      at = (last && part === 'value' ? value : undefined) ?? found.key ?? value ?? at
    }
    return this.#at(at?.range?.[0] ?? 0)
  }

  /** The line of every value that is no mapping, by its path such as `connection.host`. */
  lines(): Map<string, number> {
    const lines = new Map<string, number>()
    const walk = (node: unknown, path: string[]) => {
      const resolved = this.#resolve(node)
      if (!isMap(resolved)) {
        lines.set(path.join('.'), this.position(path, 'key').line)
        return
      }
      for (const pair of this.#pairs(resolved)) walk(pair.value, [...path, keyText(pair)])
    }
    walk(this.#document.contents, [])
    return lines
  }

  #child(node: unknown, word: string): { key: Node | undefined; value: unknown } | undefined {
    const resolved = this.#resolve(node)
    if (isSeq(resolved)) {
      const item = resolved.items[Number(word)]
      return isNode(item) ? { key: item, value: item } : undefined
    }
    if (!isMap(resolved)) return undefined
    // The last one wins, as in the values: a key of its own stands behind those that are merged in.
    const pair = this.#pairs(resolved).findLast((pair) => keyText(pair) === word)
    return pair && { key: isNode(pair.key) ? pair.key : undefined, value: pair.value }
  }

  /** The pairs of a mapping behind those that `<<` merges into it. */
  #pairs(map: { items: Pair[] }): Pair[] {
    const isMerge = (pair: Pair) => isScalar(pair.key) && typeof pair.key.value === 'symbol'
    const merged = map.items.filter(isMerge).flatMap(({ value }) => {
      const source = this.#resolve(value)
      const maps = isSeq(source) ? source.items.map((item) => this.#resolve(item)).toReversed() : [source]
      return maps.flatMap((one) => (isMap(one) ? this.#pairs(one) : []))
    })
    return [...merged, ...map.items.filter((pair) => !isMerge(pair))]
  }

  /** Kept, because finding what an alias stands for goes through the whole document. */
  #resolve(node: unknown): unknown {
    if (!isAlias(node)) return node
    if (!this.#anchored.has(node)) this.#anchored.set(node, node.resolve(this.#document))
    return this.#anchored.get(node)
  }

  #read(): unknown {
    try {
      return this.#document.toJS()
    } catch (error) {
      // Aliases of aliases that grow without end, or a merge of what is no mapping.
      this.mistakes.push(this.#mistake(0, lowerFirst((error as Error).message)))
      return undefined
    }
  }

  /** What parses and still cannot be read: aliases without an anchor, and a key that JavaScript keeps for itself. */
  #unfitNodes(): Mistake[] {
    const mistakes: Mistake[] = []
    visit(this.#document, {
      Alias: (_key, alias, ancestors) => {
        const anchored = alias.resolve(this.#document)
        if (anchored && !ancestors.includes(anchored)) return
        const message = anchored
          ? `*${alias.source} stands within what it names`
          : `*${alias.source} names no anchor above; a text that begins with * needs quotes`
        mistakes.push(this.#mistake(alias.range?.[0] ?? 0, message))
      },
      Pair: (_key, pair) => {
        if (keyText(pair) === '__proto__' && isNode(pair.key))
          mistakes.push(this.#mistake(pair.key.range?.[0] ?? 0, '__proto__ cannot be a name here'))
      },
    })
    return mistakes
  }

  #syntaxMistake({ code, message, pos }: YAMLError, text: string): Mistake {
    // A tab derails the parser at its line or at the one before, with words that do not name it.
    const start = text.lastIndexOf('\n', pos[0] - 1) + 1
    const tab = /^(?:.*\n)?? *\t/.exec(text.slice(start))
    if (tab && code !== 'DUPLICATE_KEY') {
      const offset = start + tab[0].length - 1
      return this.#mistake(offset, 'a tab indents this line; YAML takes spaces only')
    }
    return this.#mistake(pos[0], wording[code] ?? lowerFirst(message))
  }

  #mistake(offset: number, message: string): Mistake {
    return { ...this.#at(offset), path: '', message }
  }

  #at(offset: number): Position {
    const { line, col } = this.#lines.linePos(offset)
    return { line: Math.max(1, line), column: Math.max(1, col) }
  }
}

const wording: Partial<Record<YAMLError['code'], string>> = {
  BAD_ALIAS: 'a text that begins with * needs quotes',
  BLOCK_AS_IMPLICIT_KEY: 'two `name: value` on one line, or a line below that is indented too far',
  DUPLICATE_KEY: 'this key stands here twice',
  MULTIPLE_DOCS: 'a second document begins here; a warehouse is one',
}

/** One broken line makes the parser complain many times. */
function oncePerLine(mistakes: Mistake[]): Mistake[] {
  return [...new Map(mistakes.toReversed().map((mistake) => [mistake.line, mistake])).values()].toReversed()
}

/** As `toJS` spells keys. */
function keyText({ key }: Pair): string {
  return isScalar(key) ? String(key.value ?? '') : String(key)
}

/** Nothing behind a key has no place of its own, and that of an indented block is told best by its key. */
function hasPlace(node: Node): boolean {
  return isCollection(node) ? node.flow === true : !(isScalar(node) && node.source === '')
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1)
}
