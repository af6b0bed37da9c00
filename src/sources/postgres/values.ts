import { DwhError } from '../../errors.ts'
import type { Work } from '../../events.ts'
import type { Statement } from '../../postgres/sql-files.ts'
import type { Wish } from '../window.ts'
import type { SourceServer } from './server.ts'
import { dependsOnWindow, fillQuery } from './template.ts'

/** What would be no list of values, but rows of a table that somebody has taken for one. */
const mostValues = 100_000

/** A query whose first column is a list of values, such as the numbers of stations; asked each time, so that it is that of now. */
export class ValueQuery {
  readonly #query: Statement
  readonly #server: SourceServer

  constructor(query: Statement, server: SourceServer) {
    this.#query = { ...query, text: query.text.replace(/;\s*$/, '') }
    this.#server = server
  }

  get isByWindow(): boolean {
    return dependsOnWindow(this.#query.text)
  }

  /**
   * Each value once, in the order of their bytes; none of NULL.
   *
   * @throws DwhError CONFIG_INVALID for a query that fails, SOURCE_FAILED, PRIVILEGE_MISSING
   */
  async read(wish: Wish, work: Work): Promise<string[]> {
    const query = fillQuery(this.#query.text, wish)
    await using session = await this.#server.glance(work, {
      zone: wish.window?.zone ?? 'UTC',
      timeout: undefined,
    })
    // On one line with the beginning of the query, so that lines of errors are those of its file.
    const text = `SELECT v.value FROM (SELECT DISTINCT q.value::text COLLATE "C" FROM (${query}
) AS q (value)) AS v (value) WHERE v.value IS NOT NULL ORDER BY 1 LIMIT ${mostValues + 1}`
    const rows = await session
      .rows<{ value: string }>({ ...this.#query, text })
      .catch((error: unknown) => Promise.reject(explained(error)))
    if (rows.length > mostValues)
      throw new DwhError(
        'CONFIG_INVALID',
        `the query of \`for_each\` gives more than ${mostValues.toLocaleString('en')} values; nothing was asked`,
        { hint: 'let it give the list itself, such as that of the stations' },
      )
    return rows.map(({ value }) => value)
  }
}

/** The same query would fail for every other window. */
function explained(error: unknown): unknown {
  if (!(error instanceof DwhError) || error.code !== 'SQL_FAILED') return error
  return new DwhError(
    'CONFIG_INVALID',
    `the query of \`for_each\` fails: ${error.message}; nothing was asked`,
    { cause: error, hint: 'correct `sql` of `for_each` in the warehouse file' },
  )
}
