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
    kind: z.enum(partitionKinds).describe('what the partition key holds'),
    grain: z.enum(grains).describe('what one leaf holds'),
    zone: timeZone.default('UTC').describe('of bounds, windows and of what is called today'),
    from: calendarDate.optional().describe('leaves and gaps are made from here on'),
    until: calendarDate.optional().describe('leaves are made at least up to here, excluded'),
    premake: z
      .int()
      .min(0)
      .max(1000)
      .default(2)
      .describe('leaves beyond the current one; 0: none by the clock'),
    ceiling: calendarDate
      .prefault('2100-01-01')
      .describe('no leaf is ever made from here on: such dates are taken for mistakes'),
    most: z.int().min(1).max(10_000).default(1000).describe('more leaves than this are never made'),
    unknown: z
      .union([
        z.boolean(),
        z.strictObject({
          leaf: catalogueName.optional().describe('its name; otherwise the name of the table and _unknown'),
          when_needed: z
            .boolean()
            .optional()
            .describe('made only where a table that is converted holds such keys'),
        }),
      ])
      .default(false)
      .describe("a leaf for Kimball's default rows: keys that are NULL, before `from` or from `ceiling` on"),
    retention: z
      .strictObject({
        keep: span.describe('how long a leaf is kept after its end'),
        method: z.enum(['archive', 'drop']).default('archive').describe('what becomes of it then'),
      })
      .optional()
      .describe('without it leaves are kept for ever'),
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
    type: text.describe('as in the catalogue'),
    required: z.boolean().default(false).describe('an empty value is refused'),
    default: text.optional().describe('SQL expression for what the source leaves out'),
    description: text.optional().describe('for people'),
  }),
])

const checkSchema = z.strictObject({
  sql: text.describe('a file under the sql folder that returns the offending rows'),
  severity: z.enum(['warning', 'error']).default('error').describe('whether it fails a run'),
  threshold: z.int().min(0).default(0).describe('offending rows that are still accepted'),
  description: text.optional().describe('for people'),
})

const storageParameter = z
  .string()
  .regex(/^[a-z_.]+$/, 'expected a storage parameter like fillfactor or autovacuum_vacuum_scale_factor')

/** A named table that receives data. */
export const datasetSchema = z
  .strictObject({
    description: text.optional().describe('for people'),
    target: relationName.describe('the table that receives the rows'),
    key: columns
      .optional()
      .describe('the business key; without one, rows are replaced by scope and never deduplicated'),
    recency: catalogueName
      .optional()
      .describe('of two rows with one key the one with the greater value wins'),
    nulls_equal: z.boolean().default(false).describe('a NULL in the key is a value like any other'),
    columns: named(catalogueName, columnSchema)
      .default({})
      .describe(
        'name: type; where there are any, every column that the dataset speaks of must be one of them',
      ),
    map: named(catalogueName, text).default({}).describe('column: SQL expression over the input columns'),
    partition: policySchema.optional().describe('the policy; without one the table is a plain one'),
    scope: text.optional().describe('predicate of the rows that a source owns, with :parameters'),
    priority: z.int().default(0).describe('of overlapping scopes the higher wins'),
    sources: named(ownName, sourceSchema).default({}).describe('where rows come from'),
    after: z
      .array(ownName)
      .default([])
      .describe('datasets that its sources read: a backfill fills the same days of these first'),
    checks: named(ownName, checkSchema).default({}).describe('of the quality of the data'),
    thresholds: z
      .strictObject({
        coverage: share.prefault('95%').describe('least part of the days that have rows'),
        volume: share.prefault('80%').describe('least part of the rows that were expected'),
        invalid: share.prefault('5%').describe('greatest part of rows with an invalid value'),
        rejects: share.prefault('5%').describe('greatest part of rows that are refused'),
        on_failure: z
          .enum(['quarantine', 'flag'])
          .default('quarantine')
          .describe('what becomes of a window that falls short'),
        align_with: ownName.optional().describe('a sibling dataset that must have as many rows'),
        align_rows: z.int().min(0).default(10).describe('rows that the two may differ by'),
      })
      .prefault({})
      .describe('when a window is good enough'),
    references: named(
      catalogueName,
      z.strictObject({
        table: relationName.describe('the dimension'),
        column: catalogueName.describe('of the dimension'),
        // YAML reads a bare `null` as no value, and means what it says here.
        on_missing: z
          .enum(['set_null', 'reject'])
          .or(z.null().transform(() => 'set_null' as const))
          .prefault('reject')
          .describe('what becomes of a row whose value is not in the dimension'),
      }),
    )
      .default({})
      .describe('column: the dimension that its values must be in'),
    compression: z
      .union([
        z.enum(['lz4', 'pglz', 'default']).transform((method) => ({ method, columns: undefined })),
        z.strictObject({
          method: z.enum(['lz4', 'pglz', 'default']).describe('of TOAST'),
          columns: z
            .array(catalogueName)
            .min(1)
            .optional()
            .describe('all that can be compressed unless named'),
        }),
      ])
      .prefault('lz4')
      .describe('the method, or which columns are stored with it'),
    freshness: catalogueName
      .optional()
      .describe('the column whose greatest value says how fresh the rows are'),
    maintenance: z
      .strictObject({
        bloat: share.optional().describe('instead of that of the warehouse'),
        allow_blocking: z.boolean().optional().describe('instead of that of the warehouse'),
        storage: named(storageParameter, z.union([z.string(), z.number(), z.boolean()]))
          .default({})
          .describe('storage parameters of the leaves, such as autovacuum_vacuum_scale_factor'),
      })
      .prefault({})
      .describe('upkeep'),
  })
  .refine(({ recency, key }) => !recency || key, {
    path: ['recency'],
    message: 'recency chooses between rows of one `key`, and there is none',
    ...whenRight('key'),
  })

export type Policy = z.output<typeof policySchema>
export type Grain = Policy['grain']
export type DatasetFile = z.output<typeof datasetSchema>
