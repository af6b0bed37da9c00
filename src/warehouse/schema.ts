import { z } from 'zod'
import { sslModes } from '../postgres/target.ts'
import { datasetSchema } from './dataset.ts'
import {
  catalogueName,
  cronExpression,
  hostName,
  named,
  ownName,
  share,
  span,
  timeWindow,
  timeZone,
  whenRight,
} from './values.ts'

const text = z.string().min(1)

/** Where a database is. There is no field for a password: it comes from the environment, .env, .pgpass or a service file. */
const connectionSchema = z.strictObject({
  host: hostName.optional(),
  port: z.int().min(1).max(65_535).optional(),
  database: text.optional(),
  user: text.optional(),
  service: text.optional().describe('a section of the connection service file'),
  sslmode: z.enum(sslModes).optional(),
  sslrootcert: text.optional(),
  sslcert: text.optional(),
  sslkey: text.optional(),
  connect_timeout: z.int().positive().optional().describe('seconds'),
  environment: z
    .string()
    .regex(/^[A-Z][A-Z0-9_]*$/, 'expected a prefix of environment variables like SOURCE_DB')
    .optional()
    .describe('prefix of the variables PREFIX_HOST, _PORT, _NAME, _USER, _PASSWORD, _SSLMODE …'),
})

const scheduleSchema = z.strictObject({
  zone: timeZone.default('UTC'),
  jobs: named(
    ownName,
    z.strictObject({
      cron: cronExpression,
      zone: timeZone.optional(),
      run: z.array(text).min(1).describe('dwh commands, in order, such as maintain weekly'),
      misfire: z.enum(['once', 'all', 'skip']).default('once'),
      overlap: z.enum(['skip', 'queue', 'cancel']).default('skip'),
      window: timeWindow.optional(),
      timeout: span.optional(),
    }),
  ).default({}),
})

const backupSchema = z
  .strictObject({
    folder: text.default('backups'),
    engine: z.enum(['pg_dump', 'pgbackrest']).default('pg_dump'),
    jobs: z.int().min(1).max(64).default(2),
    keep: z
      .strictObject({
        daily: z.int().min(0).default(7),
        weekly: z.int().min(0).default(4),
        monthly: z.int().min(0).default(12),
      })
      .prefault({}),
    drill: z.strictObject({ every: span.optional(), sample: share.default(1) }).prefault({}),
    pgbackrest: z.strictObject({ stanza: text, repository: text, config: text.optional() }).optional(),
  })
  .refine(({ engine, pgbackrest }) => engine !== 'pgbackrest' || pgbackrest, {
    path: ['engine'],
    message: 'the engine pgbackrest needs a `pgbackrest` section beside it',
    ...whenRight('engine', 'pgbackrest'),
  })

const alertsSchema = z.strictObject({
  on: z
    .array(z.enum(['failure', 'missed', 'runway', 'drill', 'disk']))
    .default(['failure', 'missed', 'runway', 'drill', 'disk']),
  webhook: z.strictObject({ url: z.url() }).optional(),
  mail: z.strictObject({ smtp: text, from: z.email(), to: z.array(z.email()).min(1) }).optional(),
  command: z.array(text).min(1).optional(),
  runway: span.optional().describe('alert when the last bound is nearer than this'),
  disk: share.default(0.1).describe('alert when less of the disk is free'),
})

/** One YAML file: everything that is specific to one database. */
export const warehouseSchema = z.strictObject({
  name: ownName.refine((name) => name !== 'dwh', 'the name dwh belongs to the ledger'),
  description: text.optional(),
  connection: connectionSchema.prefault({}),
  connections: named(ownName, connectionSchema).default({}).describe('other servers that sources read'),
  schemas: z
    .strictObject({
      staging: catalogueName.optional(),
      dimensions: catalogueName.optional(),
      facts: catalogueName.optional(),
      marts: catalogueName.optional(),
      quality: catalogueName.optional(),
    })
    .default({})
    .describe('the schema of each layer'),
  migrations: text.default('migrations').describe('folder, relative to this file'),
  sql: text.default('sql').describe('folder, relative to this file'),
  datasets: named(ownName, datasetSchema).default({}),
  maintenance: z
    .strictObject({
      window: timeWindow.optional(),
      bloat: share.default(0.3).describe('rewrite a leaf when this much of it is free'),
      allow_blocking: z.boolean().default(false),
      tablespace: catalogueName.optional(),
    })
    .prefault({}),
  schedule: scheduleSchema.prefault({}),
  backup: backupSchema.prefault({}),
  alerts: alertsSchema.prefault({}),
  retention: z
    .strictObject({
      runs: span.default({ amount: 90, unit: 'day' }),
      logs: span.default({ amount: 90, unit: 'day' }),
    })
    .prefault({})
    .describe('how long the ledger keeps runs, and this machine their logs'),
})

export type ConnectionSettings = z.output<typeof connectionSchema>
export type WarehouseFile = z.output<typeof warehouseSchema>
export type { DatasetFile, Grain, PartitionKind, Policy } from './dataset.ts'
export type { SourceFile } from './source.ts'
