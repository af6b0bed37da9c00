import { z } from 'zod'
import { sslModes } from '../postgres/target.ts'
import { datasetSchema } from './dataset.ts'
import {
  byteSize,
  catalogueName,
  commandLine,
  cronExpression,
  hostName,
  named,
  ownName,
  share,
  span,
  stanzaName,
  timeWindow,
  timeZone,
  whenRight,
} from './values.ts'

const text = z.string().min(1)

/** Where a database is. There is no field for a password: it comes from the environment, .env, .pgpass or a service file. */
const connectionSchema = z.strictObject({
  host: hostName.optional().describe('of the server, or the folder of its socket'),
  port: z.int().min(1).max(65_535).optional().describe('of the server'),
  database: text.optional().describe('its name'),
  user: text.optional().describe('the role to connect as'),
  service: text.optional().describe('a section of the connection service file'),
  sslmode: z.enum(sslModes).optional().describe('as in libpq'),
  sslrootcert: text.optional().describe('file of the authorities that are trusted, or `system`'),
  sslcert: text.optional().describe('file of the certificate of the client'),
  sslkey: text.optional().describe('file of its key'),
  connect_timeout: z.int().positive().optional().describe('seconds'),
  environment: z
    .string()
    .regex(/^[A-Z][A-Z0-9_]*$/, 'expected a prefix of environment variables like SOURCE_DB')
    .optional()
    .describe(
      'prefix of the variables PREFIX_HOST, PREFIX_PORT, PREFIX_NAME, PREFIX_USER, PREFIX_PASSWORD, PREFIX_SSLMODE …; of `connections.source` it is SOURCE_DB unless given',
    ),
})

const scheduleSchema = z.strictObject({
  zone: timeZone.default('UTC').describe('of the cron fields'),
  jobs: named(
    ownName,
    z.strictObject({
      cron: cronExpression.describe('when'),
      zone: timeZone.optional().describe('instead of that of the schedule'),
      run: z
        .array(commandLine)
        .min(1)
        .describe(
          'dwh commands, in order, such as maintain weekly; nobody is asked: standing here is the yes',
        ),
      after: z
        .array(ownName)
        .default([])
        .describe('jobs whose earlier slots have to end before one of this begins, whatever became of them'),
      misfire: z.enum(['once', 'all', 'skip']).default('once').describe('what is made up for after a pause'),
      overlap: z
        .enum(['skip', 'queue', 'cancel'])
        .default('skip')
        .describe('what happens while the one before still works'),
      window: timeWindow.optional().describe('it may start within'),
      timeout: span.optional().describe('a command of it is ended when the job has worked for so long'),
      late_after: span.prefault('60 seconds').describe('what starts later than this counts as late'),
      dead_after: span
        .optional()
        .describe(
          '`dwh doctor` complains when it has done nothing for so long; a little more than its longest period unless given',
        ),
    }),
  )
    .default({})
    .describe('by name'),
})

/** What `dwh maintain` can do, in the order in which it is worth doing. */
export const maintenanceTasks = [
  'partitions',
  'rewrite',
  'reindex',
  'vacuum',
  'freeze',
  'retention',
  'checks',
  'report',
] as const

const tasks = (...standard: (typeof maintenanceTasks)[number][]) =>
  z
    .array(z.enum(maintenanceTasks))
    .min(1)
    .refine((names) => new Set(names).size === names.length, 'expected each task once')
    .default(standard)

const maintenanceSchema = z.strictObject({
  window: timeWindow
    .optional()
    .describe('outside of it nothing but new leaves is begun, and what still runs at its end is stopped'),
  timeout: span.optional().describe('a task is stopped after it'),
  jobs: z
    .int()
    .min(1)
    .max(32)
    .default(2)
    .describe('tables that are vacuumed, frozen or rewritten at the same time'),
  weekly: tasks('partitions', 'vacuum', 'freeze', 'retention').describe('the tasks of `dwh maintain weekly`'),
  monthly: tasks(...maintenanceTasks).describe('the tasks of `dwh maintain monthly`'),
  bloat: share.prefault('30%').describe('a leaf is rewritten when this much of it is free'),
  min_size: byteSize.prefault('8 MB').describe('what is smaller is not rewritten'),
  methods: z
    .array(z.enum(['vacuum', 'repack', 'full']))
    .min(1)
    .default(['vacuum', 'repack', 'full'])
    .describe('how leaves may be rewritten: VACUUM, pg_repack, VACUUM FULL'),
  allow_blocking: z
    .boolean()
    .default(false)
    .describe('a rewrite may keep readers out: without it VACUUM FULL is never used'),
  tablespace: catalogueName.optional().describe('where rewritten leaves and indexes go'),
  freeze_after: span
    .prefault('7 days')
    .describe('a leaf is frozen when its dates have been over for so long'),
  archive: z
    .strictObject({
      folder: text
        .default('archive')
        .describe(
          'of leaves in files, relative to this file; of a warehouse that ships, in the state folder',
        ),
      format: z
        .enum(['parquet', 'pg_dump'])
        .default('parquet')
        .describe('Parquet for whoever reads it, or a file of pg_dump'),
      keep: span
        .prefault('30 days')
        .describe('how long an archived leaf stays in the database, detached, before it may be dropped'),
    })
    .prefault({})
    .describe('leaves that are put away'),
  report: z
    .strictObject({
      folder: text
        .default('reports')
        .describe('relative to this file; of a warehouse that ships, in the state folder'),
      format: z.enum(['html', 'md', 'json']).default('html').describe('of the file'),
    })
    .prefault({})
    .describe('what the task `report` writes, a file a month'),
})

const backupSchema = z
  .strictObject({
    folder: text
      .default('backups')
      .describe('relative to this file; of a warehouse that ships, in the state folder'),
    engine: z.enum(['pg_dump', 'pgbackrest']).default('pg_dump').describe('what makes them'),
    jobs: z.int().min(1).max(64).default(2).describe('tables that are dumped at the same time'),
    keep: z
      .strictObject({
        daily: z.int().min(0).default(7).describe('of the last days'),
        weekly: z.int().min(0).default(4).describe('of the last weeks'),
        monthly: z.int().min(0).default(12).describe('of the last months'),
      })
      .prefault({})
      .describe('how many are kept'),
    drill: z
      .strictObject({
        every: span.optional().describe('how often'),
        sample: share.prefault('100%').describe('part of the tables that is compared'),
      })
      .prefault({})
      .describe('restores that prove a backup'),
    pgbackrest: z
      .strictObject({
        stanza: stanzaName.describe('its name for the server'),
        repository: text.describe('the folder of its backups, relative to this file'),
        config: text
          .optional()
          .describe('a configuration of your own, relative to this file; without one dwh writes one'),
      })
      .optional()
      .describe('for the engine of that name'),
  })
  .refine(({ engine, pgbackrest }) => engine !== 'pgbackrest' || pgbackrest, {
    path: ['engine'],
    message: 'the engine pgbackrest needs a `pgbackrest` section beside it',
    ...whenRight('engine', 'pgbackrest'),
  })

/** What people are told of. */
export const alertConditions = ['failure', 'missed', 'silence', 'runway', 'drill', 'disk'] as const

const variable = z
  .string()
  .regex(/^[A-Z][A-Z0-9_]*$/, 'expected the name of an environment variable like ALERT_URL')

const alertsSchema = z.strictObject({
  on: z
    .array(z.enum(alertConditions))
    .default([...alertConditions])
    .describe('what is told'),
  webhook: z
    .strictObject({
      url: z
        .url({ protocol: /^https?$/ })
        .optional()
        .describe('gets a POST'),
      url_env: variable.optional().describe('variable that holds the URL, where that is a secret'),
    })
    .refine(
      ({ url, url_env }) => (url === undefined) !== (url_env === undefined),
      'expected either url or url_env',
    )
    .optional()
    .describe('tells a web service'),
  mail: z
    .strictObject({
      smtp: z.url({ protocol: /^smtps?$/ }).describe('the server, as smtp://host:587 or smtps://host'),
      user: text.optional().describe('to log in as'),
      password_env: variable.optional().describe('variable that holds its password'),
      from: z.email().describe('the sender'),
      to: z.array(z.email()).min(1).describe('the receivers'),
    })
    .optional()
    .describe('tells by mail'),
  command: z
    .array(text)
    .min(1)
    .optional()
    .describe('tells a program: its words; it gets the JSON on its standard input'),
  runway: span.optional().describe('alert when the last bound is nearer than this'),
  disk: share.prefault('10%').describe('alert when less of the disk is free'),
})

/** One YAML file: everything that is specific to one database. */
export const warehouseSchema = z.strictObject({
  name: ownName
    .refine((name) => name !== 'dwh', 'the name dwh belongs to the ledger')
    .describe('of the warehouse, in the ledger and in file names'),
  description: text.optional().describe('for people'),
  connection: connectionSchema.prefault({}).describe('where its database is; what no flag or variable says'),
  connections: named(ownName, connectionSchema).default({}).describe('other servers that sources read'),
  schemas: z
    .strictObject({
      staging: catalogueName.optional().describe('views over the sources'),
      dimensions: catalogueName.optional().describe('dimensions'),
      facts: catalogueName.optional().describe('facts'),
      marts: catalogueName.optional().describe('views for reports'),
      quality: catalogueName.optional().describe('results of checks'),
    })
    .default({})
    .describe('the schema of each layer'),
  migrations: text.default('migrations').describe('folder of the migrations, relative to this file'),
  sql: text.default('sql').describe('folder of the SQL of models and checks, relative to this file'),
  datasets: named(ownName, datasetSchema).default({}).describe('the tables that receive data, by name'),
  maintenance: maintenanceSchema.prefault({}).describe('upkeep of all datasets'),
  schedule: scheduleSchema.prefault({}).describe('what is done when'),
  backup: backupSchema.prefault({}).describe('backups'),
  alerts: alertsSchema.prefault({}).describe('who is told what'),
  retention: z
    .strictObject({
      runs: span.prefault('90 days').describe('runs in the ledger, with the logs of this machine'),
      logs: span.prefault('90 days').describe('logs'),
    })
    .prefault({})
    .describe('how long dwh keeps what it writes about itself'),
})

export type ConnectionSettings = z.output<typeof connectionSchema>
export type WarehouseFile = z.output<typeof warehouseSchema>
export type { DatasetFile, Grain, Policy } from './dataset.ts'
export type AlertCondition = (typeof alertConditions)[number]
