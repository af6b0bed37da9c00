import type { LostLoad } from '../../ledger/lost-loads.ts'
import type { FileOptions } from '../../load/files.ts'
import { strategies } from '../../load/plan.ts'
import { readBudget } from '../../load/send/reject-log.ts'
import type { Dataset } from '../../warehouse/load.ts'

/** Of `dwh load`, those flags without a value, and the one with several. */
const flags = ['again', 'no-header', 'decimal-comma', 'no-proof', 'dry-run', 'yes', 'json']
const several = 'param'

/** What was typed behind a flag, `true` for one without a value; undefined where it was not typed. */
type Typed = Map<string, string | true | string[]>

function readWords(words: string[]): Typed {
  const typed: Typed = new Map()
  for (let at = 0; at < words.length; at++) {
    const [, name, value] = /^--([a-z-]+)(?:=(.*))?$/s.exec(words[at] as string) ?? []
    if (name === undefined) continue
    if (flags.includes(name)) typed.set(name, true)
    else if (name === several) {
      const values = value === undefined ? [] : [value]
      while (value === undefined && /^[a-z_]\w*=/i.test(words[at + 1] ?? ''))
        values.push(words[++at] as string)
      typed.set(name, [...((typed.get(name) as string[] | undefined) ?? []), ...values])
    } else typed.set(name, value ?? (words[++at] as string))
  }
  return typed
}

/**
 * How a load was asked for, by the command line of its run: its file is read and its rows are brought in as they were then.
 * Where the run is forgotten, as a plain `dwh load` of the file would.
 */
export function optionsOf(
  { words, reading }: LostLoad,
  { thresholds }: Dataset,
  warehouse: string,
): FileOptions {
  const typed = readWords(words ?? [])
  const text = (name: string) => {
    const value = typed.get(name)
    return typeof value === 'string' ? value : undefined
  }
  const strategy = strategies.find((one) => one === text('strategy'))
  const rules = ['newest', 'first', 'skip', 'error'] as const
  const params = (typed.get(several) as string[] | undefined) ?? []
  return {
    ...{ warehouse, strategy, again: false, prove: typed.get('no-proof') === undefined, jobs: 2 },
    onDuplicate: rules.find((one) => one === text('on-duplicate')) ?? 'newest',
    parameters: Object.fromEntries(
      params.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]),
    ),
    budget: readBudget(text('max-rejects') ?? '') ?? { share: thresholds.rejects },
    decimalComma: typed.has('decimal-comma') || (words === null && reading.decimalComma === true),
    reading: {
      format: text('format') as FileOptions['reading']['format'],
      delimiter: text('delimiter'),
      quote: text('quote'),
      escape: text('escape'),
      header: !typed.has('no-header'),
      columns: text('columns')
        ?.split(',')
        .map((name) => name.trim()),
      encoding: text('encoding'),
      nullText: text('null'),
    },
  }
}

/** Whether it stands for mended rejects of another load, or is those rejects themselves. */
export function isOfRejects({ words }: LostLoad): boolean {
  return words !== null && (words.includes('rejects') || words.some((word) => /^--replays(=|$)/.test(word)))
}
