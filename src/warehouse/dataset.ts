import { Temporal } from 'temporal-polyfill'
import { z } from 'zod'
import { sourceSchema } from './source.ts'
import {
  calendarDate,
  catalogueName,
  named,
  ownName,
  relationName,
  share,
  span,
  timeZone,
  whenRight,
} from './values.ts'

const text = z.string().min(1)
const columns = z.union([
  catalogueName.transform((name) => [name]),
  z
    .array(catalogueName)
    .min(1)
    .refine((names) => new Set(names).size === names.length, 'expected each column once'),
])

/** How PostgreSQL sees the partition key. */
export const partitionKinds = ['date_key', 'date', 'timestamp', 'timestamptz', 'year_quarter'] as const
export const grains = ['day', 'week', 'month', 'quarter', 'year'] as const

/** How a dataset is partitioned. */
export const policySchema = z
  .strictObject({
    key: columns.describe('the partition key; for year_quarter the year and the quarter column'),
    kind: z.enum(partitionKinds),
    grain: z.enum(grains),
    zone: timeZone.default('UTC').describe('of bounds and windows'),
    from: calendarDate.optional().describe('leaves and gaps are made from here on'),
    until: calendarDate.optional().describe('leaves are made at least up to here, excluded'),
    premake: z
      .int()
      .min(0)
      .max(1000)
      .default(2)
      .describe('leaves beyond the current one; 0: none by the clock'),
    ceiling: calendarDate
      .default(Temporal.PlainDate.from('2100-01-01'))
      .describe('no leaf is ever made from here on: such dates are taken for mistakes'),
    most: z.int().min(1).max(10_000).default(1000).describe('more leaves than this are never made'),
    unknown: z
      .union([z.boolean(), z.strictObject({ leaf: catalogueName.optional() })])
      .default(false)
      .describe("a leaf for Kimball's default rows: keys that are NULL, before `from` or from `ceiling` on"),
    retention: z
      .strictObject({ keep: span, method: z.enum(['archive', 'drop']).default('archive') })
      .optional(),
  })
  .refine(({ kind, key }) => key.length === (kind === 'year_quarter' ? 2 : 1), {
    path: ['key'],
    message: 'expected one column, or for year_quarter two: [year, quarter]',
    ...whenRight('kind', 'key'),
  })
  .refine(({ kind, grain }) => kind !== 'year_quarter' || grain === 'quarter' || grain === 'year', {
    path: ['grain'],
    message: 'expected quarter or year, the grains of year_quarter',
    ...whenRight('kind', 'grain'),
  })
  .refine(({ from, until }) => !from || !until || isBefore(from, until), {
    path: ['until'],
    message: 'expected a date after `from`',
    ...whenRight('from', 'until'),
  })
  .refine(({ until, ceiling }) => !until || !isBefore(ceiling, until), {
    path: ['until'],
    message: 'expected a date that is not after `ceiling`',
    ...whenRight('until', 'ceiling'),
  })

function isBefore(one: Temporal.PlainDate, other: Temporal.PlainDate): boolean {
  return Temporal.PlainDate.compare(one, other) < 0
}

const columnSchema = z.union([
  text.transform((type) => ({ type, required: false })),
  z.strictObject({
    type: text,
    required: z.boolean().default(false),
    default: text.optional(),
    description: text.optional(),
  }),
])

const checkSchema = z.strictObject({
  sql: text.describe('a file under the sql folder that returns the offending rows'),
  severity: z.enum(['warning', 'error']).default('error'),
  threshold: z.int().min(0).default(0).describe('offending rows that are still accepted'),
  description: text.optional(),
})

const storageParameter = z
  .string()
  .regex(/^[a-z_.]+$/, 'expected a storage parameter like fillfactor or autovacuum_vacuum_scale_factor')

/** A named table that receives data. */
export const datasetSchema = z
  .strictObject({
    description: text.optional(),
    target: relationName,
    key: columns
      .optional()
      .describe('the business key; without one, rows are replaced by scope and never deduplicated'),
    recency: catalogueName
      .optional()
      .describe('of two rows with one key the one with the greater value wins'),
    nulls_equal: z.boolean().default(false).describe('a NULL in the key is a value like any other'),
    columns: named(catalogueName, columnSchema).default({}),
    map: named(catalogueName, text).default({}).describe('column: SQL expression over the input columns'),
    partition: policySchema.optional(),
    scope: text.optional().describe('predicate of the rows that a source owns, with :parameters'),
    priority: z.int().default(0).describe('of overlapping scopes the higher wins'),
    sources: named(ownName, sourceSchema).default({}),
    checks: named(ownName, checkSchema).default({}),
    thresholds: z
      .strictObject({
        coverage: share.default(0.95),
        volume: share.default(0.8),
        invalid: share.default(0.05),
        rejects: share.default(0.05),
        on_failure: z.enum(['quarantine', 'flag']).default('quarantine'),
        align_with: ownName.optional().describe('a sibling dataset that must have as many rows'),
        align_rows: z.int().min(0).default(10),
      })
      .prefault({}),
    references: named(
      catalogueName,
      z.strictObject({
        table: relationName,
        column: catalogueName,
        // YAML reads a bare `null` as no value, and means what it says here.
        on_missing: z
          .enum(['set_null', 'reject'])
          .or(z.null().transform(() => 'set_null' as const))
          .default('reject'),
      }),
    ).default({}),
    compression: z
      .union([
        z.enum(['lz4', 'pglz', 'default']).transform((method) => ({ method, columns: undefined })),
        z.strictObject({
          method: z.enum(['lz4', 'pglz', 'default']),
          columns: z.array(catalogueName).min(1).optional(),
        }),
      ])
      .default({ method: 'lz4', columns: undefined }),
    freshness: catalogueName
      .optional()
      .describe('the column whose greatest value says how fresh the rows are'),
    maintenance: z
      .strictObject({
        bloat: share.optional(),
        allow_blocking: z.boolean().optional(),
        storage: named(storageParameter, z.union([z.string(), z.number(), z.boolean()])).default({}),
      })
      .prefault({}),
  })
  .refine(({ recency, key }) => !recency || key, {
    path: ['recency'],
    message: 'recency chooses between rows of one `key`, and there is none',
    ...whenRight('key'),
  })

export type Policy = z.output<typeof policySchema>
export type PartitionKind = Policy['kind']
export type Grain = Policy['grain']
export type DatasetFile = z.output<typeof datasetSchema>
