import { z } from 'zod'
import { catalogueName, named, ownName, span, whenRight } from './values.ts'

const text = z.string().min(1)

/** How politely a host is asked. */
const politeness = {
  delay: z.number().min(0).optional().describe('seconds between two requests'),
  per_minute: z.number().positive().optional(),
  concurrency: z.int().min(1).max(64).default(2),
  retries: z.int().min(0).max(100).default(3),
  timeout: span.optional(),
}

const window = {
  chunk: z
    .string()
    .regex(
      /^(day|week|month|quarter|year|small|[1-9]\d{0,3} days)$/,
      'expected day, week, month, quarter, year, small or N days',
    )
    .default('month'),
  parameters: named(ownName, z.union([z.string(), z.number(), z.boolean()])).default({}),
}

const file = z.strictObject({
  kind: z.literal('file'),
  path: text.describe('may hold {year}, {month}, {day} and globs'),
  format: z.enum(['csv', 'tsv', 'ndjson', 'json', 'parquet']).optional(),
  delimiter: z.string().length(1).optional(),
  header: z.boolean().default(true),
  encoding: text.default('utf-8'),
  // Not `null`: YAML would take that key for the value null.
  null_text: z.string().default('').describe('the text that stands for NULL'),
  ...window,
})

const postgres = z
  .strictObject({
    kind: z.literal('postgres'),
    connection: ownName.describe('one of `connections`'),
    table: text.optional(),
    query: text.optional().describe('a file under the sql folder'),
    window_column: catalogueName.optional(),
    watermark: catalogueName.optional().describe('only rows beyond the greatest value seen are read'),
    ...window,
  })
  .refine((source) => (source.table === undefined) !== (source.query === undefined), {
    message: 'expected either a `table` or a `query`',
    path: ['table'],
    ...whenRight('table', 'query'),
  })

const pages = z.discriminatedUnion('by', [
  z.strictObject({ by: z.literal('next_link'), path: text.default('next') }),
  z.strictObject({ by: z.literal('page'), parameter: text.default('page'), first: z.int().default(1) }),
  z.strictObject({ by: z.literal('offset'), parameter: text.default('offset') }),
  z.strictObject({ by: z.literal('cursor'), parameter: text.default('cursor'), path: text }),
])

const http = z.strictObject({
  kind: z.literal('http'),
  url: text,
  method: z.enum(['GET', 'POST']).default('GET'),
  headers: z.record(z.string(), text).default({}),
  query: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).default({}),
  body: z.unknown().optional(),
  records: text.default('data').describe('path of the rows in the answer'),
  count: text.optional().describe('path of the announced number of rows'),
  pages: pages.optional(),
  page_size: z.int().positive().optional(),
  most_rows: z.int().positive().optional().describe('a window with more is split in halves'),
  oauth: z.strictObject({ token_url: z.url(), client_id: text, secret_variable: text }).optional(),
  ...politeness,
  ...window,
})

const graphql = z.strictObject({
  kind: z.literal('graphql'),
  url: text,
  query: text.describe('a file under the sql folder, or the query itself'),
  variables: z.record(z.string(), z.unknown()).default({}),
  headers: z.record(z.string(), text).default({}),
  connection_path: text.describe('path of the object with nodes and pageInfo'),
  page_size: z.int().positive().default(100),
  ...politeness,
  ...window,
})

const dwd = z.strictObject({
  kind: z.literal('dwd'),
  url: text,
  product: z.enum(['air_temperature', 'precipitation', 'wind', 'pressure', 'cloud_cover']),
  stations: z.array(text).optional(),
  ...politeness,
  ...window,
})

/** Where rows come from: a kind and what that kind needs. */
export const sourceSchema = z.discriminatedUnion('kind', [file, postgres, http, graphql, dwd])

export type SourceFile = z.output<typeof sourceSchema>
