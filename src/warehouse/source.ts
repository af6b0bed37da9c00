import { z } from 'zod'
import { catalogueName, named, ownName, share, span, whenRight } from './values.ts'

const text = z.string().min(1)

/** How politely a host is asked. */
const politeness = {
  delay: z.number().min(0).optional().describe('seconds between two requests'),
  per_minute: z.number().positive().optional().describe('requests a minute at the most'),
  concurrency: z.int().min(1).max(64).default(2).describe('requests at the same time'),
  retries: z.int().min(0).max(100).default(3).describe('tries after the first'),
  timeout: span
    .optional()
    .describe(
      'time without a byte after which a request is given up; 60 seconds unless given, 5 minutes at the most',
    ),
}

/** Of records whose keys are not always all there. */
const fields = z
  .array(text)
  .min(1)
  .optional()
  .describe(
    'keys of the records that are read, NULL where one lacks them; unless given, those of the first records',
  )

/** How whoever asks shows who he is; secrets stand in the environment. */
const oauth = z.strictObject({
  token_url: z.url().describe('where tokens are given out'),
  client_id: text.describe('who asks'),
  secret_variable: text.describe('the environment variable that holds the secret'),
  refresh_variable: text
    .optional()
    .describe('the environment variable that holds a refresh token, which is exchanged instead'),
  scope: text.optional().describe('what the token is asked for'),
  secret_in: z
    .enum(['header', 'body'])
    .default('header')
    .describe('where the secret is sent to the host that gives tokens out'),
})

/** Lets the reading of pages end where the window does. */
const sorted = z
  .strictObject({
    by: text.describe('path of the time in a record'),
    order: z.enum(['oldest_first', 'newest_first']).describe('of the records'),
  })
  .optional()
  .describe(
    'the order of the records, where the API cannot be asked for the end of a window: no page behind it is read',
  )

const headers = z
  .record(z.string(), text)
  .default({})
  .describe(`of the request; \${NAME} is replaced by the environment variable NAME, and masked`)

/** What every source has, whatever its kind: what its windows are, and what its rows have of their own. */
const ofEvery = {
  chunk: z
    .string()
    .regex(
      /^(day|week|month|quarter|year|small|[1-9]\d{0,3} days)$/,
      'expected day, week, month, quarter, year, small or N days',
    )
    .default('month')
    .meta({ title: 'day, week, month, quarter, year, small or N days' })
    .describe('what one window of a backfill holds'),
  parameters: named(ownName, z.union([z.string(), z.number(), z.boolean()]))
    .default({})
    .describe(
      'what addresses, paths, queries and the scope are filled in with, unless --param says otherwise',
    ),
  map: named(catalogueName, text)
    .default({})
    .describe('column: SQL expression over the columns of this source; comes before `map` of the dataset'),
  scope: text
    .optional()
    .describe('predicate of the rows that this source owns, instead of that of the dataset'),
  priority: z.int().optional().describe('instead of that of the dataset'),
  thresholds: z
    .strictObject({
      coverage: share.optional().describe('least part of the days that have rows'),
      volume: share.optional().describe('least part of the rows that were expected'),
      invalid: share.optional().describe('greatest part of rows with an invalid value'),
      rejects: share.optional().describe('greatest part of rows that are refused'),
      on_failure: z
        .enum(['quarantine', 'flag'])
        .optional()
        .describe('what becomes of a window that falls short'),
    })
    .optional()
    .describe('instead of those of the dataset'),
  key: z
    .literal(false)
    .optional()
    .describe(
      'false: rows of this source have no key, though the dataset has one, and are replaced by scope',
    ),
}

const file = z.strictObject({
  kind: z.literal('file').describe('files'),
  path: text.describe('may hold {year}, {month}, {day} and globs'),
  absent: z
    .enum(['fail', 'empty'])
    .default('fail')
    .describe(
      'a window without its files has failed, or is done without rows and asked for again by the next backfill of its days',
    ),
  format: z
    .enum(['csv', 'tsv', 'ndjson', 'json', 'parquet'])
    .optional()
    .describe('as the name of the file says unless given'),
  delimiter: z.string().length(1).optional().describe('between two fields of csv'),
  header: z.boolean().default(true).describe('the first line names the columns'),
  columns: z
    .array(text)
    .min(1)
    .optional()
    .describe('their names, in order, where no line of the file says them'),
  encoding: text.default('utf-8').describe('of the text'),
  // Not `null`: YAML would take that key for the value null.
  null_text: z.string().default('').describe('the text that stands for NULL'),
  ...ofEvery,
})

const postgres = z
  .strictObject({
    kind: z.literal('postgres').describe('another PostgreSQL'),
    connection: ownName
      .optional()
      .describe('one of `connections`; the database of the warehouse itself unless named'),
    table: text.optional().describe('a table; either this or a query'),
    query: text.optional().describe('a file under the sql folder'),
    window_column: catalogueName.optional().describe('the column that windows are cut by'),
    watermark: catalogueName
      .optional()
      .describe(
        'a column that grows when a row is written: only rows beyond the greatest value seen are read',
      ),
    look_back: z
      .union([span, z.int().min(0)])
      .optional()
      .describe('how far before that value rows are read again: late commits'),
    timeout: span.optional().describe('of one statement there; none unless given'),
    snapshot: z
      .enum(['worker', 'window'])
      .default('worker')
      .describe(
        'whether all tables and windows of a worker are read as of one moment, or each as of its own',
      ),
    ...ofEvery,
  })
  .refine((source) => (source.table === undefined) !== (source.query === undefined), {
    message: 'expected either a `table` or a `query`',
    path: ['table'],
    ...whenRight('table', 'query'),
  })

const pages = z.discriminatedUnion('by', [
  z.strictObject({
    by: z.literal('next_link').describe('the answer holds the address of the next page'),
    path: text.default('next').describe('of the address in the answer'),
  }),
  z.strictObject({
    by: z.literal('page').describe('pages are numbered'),
    parameter: text.default('page').describe('of the number'),
    first: z.int().default(1).describe('number of the first page'),
  }),
  z.strictObject({
    by: z.literal('offset').describe('rows are numbered'),
    parameter: text.default('offset').describe('of the number'),
  }),
  z.strictObject({
    by: z.literal('cursor').describe('the answer holds a mark'),
    parameter: text.default('cursor').describe('that gives it back'),
    path: text.describe('of the mark in the answer'),
  }),
])

/** Values of a parameter, such as numbers of stations, which are asked for some at a time. */
const forEach = z
  .strictObject({
    parameter: ownName.describe('that is filled in with them; --param names some of them instead'),
    list: z.array(text).min(1).optional().describe('the values; either these, a file or a query'),
    file: text.optional().describe('one value a line; a line that begins with # is a comment'),
    sql: text
      .optional()
      .describe(
        'a query of the database of the warehouse, whose first column they are: a file under the sql folder, or the query itself; may hold :from, :to and parameters',
      ),
    batch: z.int().min(1).max(10_000).default(1).describe('values of one question at the most'),
    separator: z.string().min(1).default(',').describe('between them'),
    when: z
      .enum(['always', 'too_deep'])
      .default('always')
      .describe(
        'too_deep: all are asked for at once, without the parameter, and in parts where that is more than `most_rows`',
      ),
  })
  .refine(({ list, file, sql }) => [list, file, sql].filter((one) => one !== undefined).length === 1, {
    message: 'expected just one of `list`, `file` and `sql`',
    path: ['list'],
    ...whenRight('list', 'file', 'sql'),
  })

const http = z.strictObject({
  kind: z.literal('http').describe('an HTTP API that answers in JSON'),
  url: text.describe(`its address, which may hold {year}, parameters, and \${NAME} of the environment`),
  method: z.enum(['GET', 'POST']).default('GET').describe('of the request'),
  headers,
  query: z
    .record(z.string(), z.union([z.string(), z.number(), z.boolean()]))
    .default({})
    .describe(
      'parameters of the address, which may hold {from}, {to} and the like; one that is filled in with nothing is left out',
    ),
  body: z.unknown().optional().describe('of a POST, sent as JSON'),
  records: text
    .default('data')
    .describe('path of the rows in the answer, such as result.items or edges[].node; . for an array'),
  count: text.optional().describe('path of the announced number of rows'),
  pages: pages.optional().describe('how the next page is asked for'),
  page_size: z.int().positive().optional().describe('rows a page'),
  page_size_parameter: text.optional().describe('that asks for so many rows a page'),
  most_rows: z
    .int()
    .positive()
    .optional()
    .describe('a window whose count is greater is split in halves, down to a day'),
  for_each: forEach.optional().describe('values that are asked for one after the other, or some at a time'),
  oauth: oauth.optional().describe('OAuth 2 with client credentials or a refresh token'),
  sorted,
  ...politeness,
  ...ofEvery,
  fields,
})

const graphql = z.strictObject({
  kind: z.literal('graphql').describe('a GraphQL API with connections'),
  url: text.describe('its address'),
  query: text.describe('a file under the sql folder, or the query itself'),
  variables: z.record(z.string(), z.unknown()).default({}).describe('of the query'),
  headers,
  oauth: oauth.optional().describe('OAuth 2 with client credentials or a refresh token'),
  connection_path: text.describe('path of the object with pageInfo and with nodes or edges, below `data`'),
  page_size: z.int().positive().default(100).describe('rows a page, the variable `first` of the query'),
  sorted,
  ...politeness,
  ...ofEvery,
  fields,
})

const dwd = z.strictObject({
  kind: z.literal('dwd').describe('the archive of the German weather service'),
  url: text.describe('its address'),
  product: z
    .enum(['air_temperature', 'precipitation', 'wind', 'pressure', 'cloud_cover'])
    .describe('what was measured'),
  content: z
    .enum(['observations', 'stations', 'locations'])
    .default('observations')
    .describe('its hours, the list of the stations that measure it, or where those have stood and when'),
  stations: z.array(text).min(1).optional().describe('their numbers; all unless named'),
  ...politeness,
  ...ofEvery,
})

/** Where rows come from: a kind and what that kind needs. */
export const sourceSchema = z.discriminatedUnion('kind', [file, postgres, http, graphql, dwd])
