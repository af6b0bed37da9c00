import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Temporal } from 'temporal-polyfill'
import type { z } from 'zod'
import { DwhError } from '../../errors.ts'
import { ident, literal, parseRelation, relation } from '../../postgres/identifiers.ts'
import type { Session } from '../../postgres/session.ts'
import type { Statement } from '../../postgres/sql-files.ts'
import { hasState, sqlstate } from '../../postgres/sqlstate.ts'
import { didYouMean } from '../../warehouse/nearest.ts'
import type { sourceSchema } from '../../warehouse/source.ts'
import { fill, instantsOf, type Window, type Wish } from '../window.ts'
import { dateNumber, fillQuery, speaksOfWindow } from './template.ts'
import { readTypes, type SourceColumn } from './types.ts'

export type PostgresSettings = Extract<z.output<typeof sourceSchema>, { kind: 'postgres' }>

/** What is read for one wish. */
export interface Selection {
  /** A SELECT of its rows. */
  rows: string
  /** The same, without regard to what was read before. */
  all: string
  columns: SourceColumn[]
  /** The watermark of a row as text; undefined where there is none. */
  watermark: string | undefined
}

/** The query of a source with the values of a wish, and what is wrong with it told as a mistake of the warehouse file. */
export class Query {
  readonly #settings: PostgresSettings
  readonly #wish: Wish
  readonly #base: Statement

  /** @throws DwhError CONFIG_INVALID */
  constructor(settings: PostgresSettings, sqlFolder: string, wish: Wish) {
    this.#settings = settings
    this.#wish = wish
    this.#base =
      settings.query === undefined ? tableQuery(settings, wish) : fileQuery(settings.query, sqlFolder, wish)
    const cutsItself = settings.query !== undefined && speaksOfWindow(readQuery(settings.query, sqlFolder))
    if (wish.window && !settings.window_column && !cutsItself) {
      throw new DwhError(
        'CONFIG_INVALID',
        `nothing says how the rows of ${this.name} are cut into windows; nothing was changed`,
        {
          hint: 'name a column as `window_column` of the source, or speak of :from and :to in its query',
        },
      )
    }
  }

  /** For people. */
  get name(): string {
    return this.#settings.table ?? this.#settings.query ?? ''
  }

  /** The text of what is read, without the parts that are asked for first. */
  get text(): string {
    return this.#base.text
  }

  /** @throws DwhError CONFIG_INVALID, PRIVILEGE_MISSING, SQL_FAILED */
  async select(session: Session): Promise<Selection> {
    // On one line with the beginning of the query, so that lines of errors are those of its file.
    const from = `(${this.#base.text}\n) AS q`
    const columns = await this.#columns(session, from)
    const { window_column, watermark, look_back } = this.#settings
    const { window, after } = this.#wish
    const cut = window && window_column ? [this.#cut(columns, window_column, window)] : []
    const mark = watermark === undefined ? undefined : this.#column(columns, watermark, 'watermark')
    const beyond = mark && after !== undefined ? [this.#beyond(mark, after, look_back)] : []
    const select = (conditions: string[]) =>
      `SELECT q.* FROM ${from}${conditions.length > 0 ? ` WHERE ${conditions.join(' AND ')}` : ''}`
    return {
      rows: select([...cut, ...beyond]),
      all: select(cut),
      columns,
      watermark: mark && ident(mark.name),
    }
  }

  async #columns(session: Session, from: string): Promise<SourceColumn[]> {
    try {
      const text = `SELECT q.* FROM ${from} LIMIT 0`
      return await readTypes(session, await session.describe({ ...this.#base, text }))
    } catch (error) {
      throw this.#explain(error, session)
    }
  }

  #explain(error: unknown, { target }: Session): unknown {
    if (!(error instanceof DwhError)) return error
    const { cause, message } = error
    const [first] = message.split('\n')
    const of = `${this.name} cannot be read`
    if (hasState(error, sqlstate.undefinedTable, sqlstate.undefinedSchema))
      return new DwhError('CONFIG_INVALID', `${of}: ${first}; nothing was changed`, {
        cause,
        hint: `correct the source, or connect to another database than ${target.database}`,
      })
    // With the line of the query: names of somebody else's tables are what changes.
    if (hasState(error, sqlstate.undefinedColumn))
      return new DwhError('CONFIG_INVALID', `${of}: ${message}\nnothing was changed`, {
        cause,
        hint: `change the name in the query; what ${target.database} has: SELECT table_name, column_name, data_type FROM information_schema.columns`,
      })
    if (hasState(error, sqlstate.insufficientPrivilege)) {
      const grant =
        this.#settings.table === undefined
          ? 'GRANT SELECT on what the query reads'
          : `GRANT SELECT ON ${this.#settings.table} TO ${ident(target.user)}`
      return new DwhError('PRIVILEGE_MISSING', `${of}: ${first}; nothing was changed`, {
        cause,
        hint: `as its owner: ${grant}; the schema needs USAGE`,
      })
    }
    return error
  }

  #column(columns: SourceColumn[], name: string, setting: string): SourceColumn {
    const found = columns.find((column) => column.name === name)
    if (found) return found
    const names = columns.map((column) => column.name)
    throw new DwhError(
      'CONFIG_INVALID',
      `${this.name} has no column ${name}, which its \`${setting}\` speaks of; nothing was changed`,
      { hint: `its columns are ${names.join(', ')}${didYouMean(name, names)}` },
    )
  }

  #cut(columns: SourceColumn[], name: string, window: Window): string {
    const column = this.#column(columns, name, 'window_column')
    const bounds = windowBounds(column, window)
    if (bounds === undefined)
      throw this.#unfit(column, 'window_column', 'date, timestamp, timestamptz, or integers like 20240131')
    return `q.${ident(name)} >= ${bounds.from} AND q.${ident(name)} < ${bounds.to}`
  }

  /** Rows without a mark are read each time: nobody knows when they were written. */
  #beyond(column: SourceColumn, after: string, lookBack: PostgresSettings['look_back']): string {
    const name = `q.${ident(column.name)}`
    const last = `${literal(after)}::${column.type.shown}`
    return `(${name} > ${last}${this.#lookBack(column, lookBack)} OR ${name} IS NULL)`
  }

  #lookBack(column: SourceColumn, lookBack: PostgresSettings['look_back']): string {
    if (lookBack === undefined) return ''
    const isNumber = ['smallint', 'integer', 'bigint', 'numeric'].includes(column.type.name)
    const isTime = ['date', 'timestamp without time zone', 'timestamp with time zone'].includes(
      column.type.name,
    )
    if (typeof lookBack === 'number' ? !isNumber : !isTime)
      throw this.#unfit(column, 'look_back', typeof lookBack === 'number' ? 'a number' : 'a date or a time')
    return typeof lookBack === 'number'
      ? ` - ${lookBack}`
      : ` - interval ${literal(`${lookBack.amount} ${lookBack.unit}`)}`
  }

  #unfit({ name, type }: SourceColumn, setting: string, wanted: string): DwhError {
    return new DwhError(
      'CONFIG_INVALID',
      `column ${name} of ${this.name} is ${type.shown}, and \`${setting}\` wants ${wanted}; nothing was changed`,
      { hint: 'name another column, or give the source a query that makes such a column of it' },
    )
  }
}

function tableQuery({ table = '' }: PostgresSettings, wish: Wish): Statement {
  return { text: `SELECT * FROM ${relation(parseRelation(fill(table, wish)))}` }
}

function fileQuery(file: string, sqlFolder: string, wish: Wish): Statement {
  return { text: fillQuery(readQuery(file, sqlFolder), wish), file }
}

/** @throws DwhError CONFIG_INVALID */
function readQuery(file: string, sqlFolder: string): string {
  try {
    return readFileSync(resolve(sqlFolder, file), 'utf8').replace(/;\s*$/, '')
  } catch (cause) {
    throw new DwhError('CONFIG_INVALID', `the query ${file} cannot be read: ${(cause as Error).message}`, {
      cause,
    })
  }
}

/** The ends of a window as literals of the type of a column; undefined where it is no time. */
function windowBounds({ type }: SourceColumn, window: Window): { from: string; to: string } | undefined {
  const of = (bound: (date: Temporal.PlainDate) => string) => ({
    from: bound(window.from),
    to: bound(window.to),
  })
  switch (type.name) {
    case 'date':
      return of((date) => `${literal(String(date))}::date`)
    case 'timestamp without time zone':
      return of((date) => `${literal(`${date} 00:00:00`)}::timestamp`)
    case 'timestamp with time zone': {
      const { from, to } = instantsOf(window)
      return { from: `${literal(String(from))}::timestamptz`, to: `${literal(String(to))}::timestamptz` }
    }
    case 'smallint':
    case 'integer':
    case 'bigint':
      return of(dateNumber)
    default:
      return undefined
  }
}
