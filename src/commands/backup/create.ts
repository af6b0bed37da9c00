import { z } from 'zod'
import { Attempt } from '../../backup/attempts.ts'
import { compressions, standardCompression } from '../../backup/compress.ts'
import { type BackupOptions, type Created, createBackup } from '../../backup/create.ts'
import { BackupFolder, safeName } from '../../backup/folder.ts'
import { scopeText, totalBytes } from '../../backup/list.ts'
import { type BackupPlan, planBackup } from '../../backup/plan.ts'
import { type Scope, tablesScope, wholeDatabase } from '../../backup/scope.ts'
import { backupFolderOption, chosenBackups } from '../../cli/backup.ts'
import { argument, command, option, positiveInteger, shared } from '../../cli/command.ts'
import type { Context } from '../../cli/context.ts'
import { namedDataset } from '../../cli/datasets.ts'
import { bytes, count, duration, plural, printable } from '../../cli/format.ts'
import { recordedWherePossible } from '../../cli/recorded.ts'
import { DwhError } from '../../errors.ts'
import { shown } from '../../postgres/identifiers.ts'
import { createByPgBackRest, isByPgBackRest } from './pgbackrest.ts'

export const backupCreate = command({
  name: 'create',
  summary: 'back up the database, with the proof of every table',
  description:
    'One snapshot, in which pg_dump writes an archive in directory format while the rows of every table and leaf are ' +
    'counted and hashed. Sealed leaves that an earlier backup holds are referred to and not dumped again. Reading and ' +
    'writing go on; TRUNCATE, DROP, DETACH and rewrites of a table wait to the end. A backup has its name when it is whole ' +
    'and on the disk: killed anywhere, there is none. One command at a time writes into a folder of backups. With backup.engine: pgbackrest it ' +
    'is pgBackRest that backs up the whole server, with its WAL.',
  arguments: {
    datasets: argument(
      '[dataset...]',
      'only their tables; the whole database unless named',
      z.array(z.string()).default([]),
    ),
  },
  options: {
    schema: option(
      '--schema <schema...>',
      'only these schemas, instead of datasets',
      z.array(z.string().min(1)).default([]),
    ),
    name: option(
      '--name <name>',
      'in front of the time in the name of the backup; that of the database unless given',
      z
        .string()
        .regex(/^[A-Za-z0-9_][\w.-]{0,79}$/, 'expected letters, digits, dots, dashes and underscores')
        .optional(),
    ),
    jobs: option(
      '--jobs <n>',
      'tables that are dumped at the same time; backup.jobs of the warehouse file unless given',
      positiveInteger.max(64).optional(),
    ),
    compress: option(
      '--compress <how>',
      'what the files are compressed with',
      z.enum(compressions).default(standardCompression),
    ),
    type: option(
      '--type <kind>',
      'of pgBackRest: everything, what changed since the last full one, or since the last; by their age unless given',
      z.enum(['full', 'diff', 'incr']).optional(),
    ),
    folder: backupFolderOption,
    timeout: shared.timeout,
    dryRun: shared.dryRun,
    yes: shared.yes,
    json: shared.json,
  },
  exits: {
    1: 'no backup was made, and the folder is as it was',
    6: 'another command writes into the folder, or somebody holds or waits for a lock on a table',
  },
  examples: [
    'dwh backup create',
    'dwh backup create fait_factures --name before-cleaning --yes',
    'dwh backup create --schema dwh_facts --compress none --dry-run',
  ],
  async run(context, input) {
    const { datasets, schema, name, jobs, compress, type, folder: named, timeout, dryRun, yes, json } = input
    if (isByPgBackRest(context, named)) {
      refuseParts(input)
      return createByPgBackRest(context, { kind: type, jobs, timeout, dryRun, yes, json })
    }
    if (type) throw new DwhError('USAGE', '--type is for backup.engine: pgbackrest')
    const folder = chosenBackups(context, named)
    const scope = chosenScope(context, datasets, schema)
    const options: Omit<BackupOptions, 'run'> = {
      folder: folder.path,
      name: name ?? safeName(context.connection().target.database),
      scope,
      jobs: jobs ?? context.warehouseIfAny()?.backup.jobs ?? 2,
      compression: compress,
    }
    const attempt = new Attempt(options, yes && !dryRun)
    const plan = await attempt.watch(() => inspect(context, options))
    if (dryRun)
      return json ? context.printJson(planJson(plan, options)) : context.print(renderPlan(plan, options))
    context.say(renderPlan(plan, options))
    if (!(await context.confirm('Make it?', yes))) return context.say('nothing was changed')
    const summary = await attempt.watch(() =>
      recordedWherePossible(
        context,
        datasets,
        async ({ session, work, run }) => createdJson(await createBackup(session, work, { ...options, run })),
        timeout,
      ),
    )
    if (json) return context.printJson(summary)
    context.say(
      `${printable(summary.path)}: ${bytes(summary.bytes)} in ${plural(summary.files, 'file')}` +
        `${summary.shared_bytes > 0 ? `, ${bytes(summary.shared_bytes)} shared with earlier backups` : ''}; ` +
        `${count(summary.rows)} rows of ${plural(summary.tables, 'table')} proved in ${duration(summary.seconds)}`,
    )
  },
})

/** @throws DwhError USAGE for what pgBackRest has no choice of */
function refuseParts({
  datasets,
  schema,
  name,
}: {
  datasets: string[]
  schema: string[]
  name?: string
}): void {
  if (datasets.length + schema.length === 0 && name === undefined) return
  throw new DwhError('USAGE', 'pgBackRest backs up the whole server, and names its backups itself', {
    hint: 'for a part, name a folder, and pg_dump makes it: --folder FOLDER',
  })
}

function chosenScope(context: Context, datasets: string[], schemas: string[]): Scope {
  if (datasets.length > 0 && schemas.length > 0)
    throw new DwhError('USAGE', 'datasets and --schema exclude each other')
  if (schemas.length > 0) return { kind: 'schemas', schemas: [...new Set(schemas)] }
  if (datasets.length === 0) return wholeDatabase
  return tablesScope([...new Set(datasets)].map((dataset) => namedDataset(context, dataset).target))
}

async function inspect(
  context: Context,
  { folder, scope }: Pick<BackupOptions, 'folder' | 'scope'>,
): Promise<BackupPlan> {
  await using session = await context.openReadOnly()
  return await planBackup(session, new BackupFolder(folder), scope)
}

function renderPlan(
  plan: BackupPlan,
  { folder, name, jobs, compression }: Omit<BackupOptions, 'run'>,
): string {
  const { scope, tables, bytes: size, referenced, fresh, free, toolVersion } = plan
  const dumped = size - referenced.bytes
  return [
    `Backup ${printable(name)}-<time> in ${printable(folder)}`,
    `  ${printable(scopeText(scope))}: ${plural(tables, 'table')}, ${bytes(size)} in the server with their indexes`,
    ...(referenced.tables > 0
      ? [
          `  ${plural(referenced.tables, 'sealed leaf', 'sealed leaves')} as an earlier backup has them: ${bytes(referenced.bytes)} that are not read`,
        ]
      : []),
    ...(fresh.tables > 0
      ? [
          `  ${plural(fresh.tables, 'sealed leaf', 'sealed leaves')} into a pack that later backups refer to: ${bytes(fresh.bytes)}`,
        ]
      : []),
    `  by pg_dump ${toolVersion}, ${plural(jobs, 'table')} at a time, compression ${compression}`,
    ...(free === undefined
      ? []
      : [`  ${bytes(free)} are free there; it takes less than ${bytes(dumped)} as a rule`]),
    '  locks: ACCESS SHARE on every table: reading and writing go on; TRUNCATE, DROP, DETACH and rewrites wait',
    '',
  ].join('\n')
}

/** The document of `--dry-run --json`; see docs/json.md. */
function planJson(
  { scope, toolVersion, tables, bytes: size, referenced, fresh, free }: BackupPlan,
  { folder, name, jobs, compression }: Omit<BackupOptions, 'run'>,
) {
  return {
    folder,
    ...{ name, scope, jobs, compression },
    tool_version: toolVersion,
    tables,
    bytes: size,
    shared: referenced,
    newly_sealed: fresh,
    free_bytes: free ?? null,
  }
}

/** The document of `--json`, and the summary of the run. */
function createdJson({ name, path, manifest, bytes: size, files }: Created) {
  const { scope, snapshot, seconds, tables, references } = manifest
  const rows = tables.reduce((sum, table) => sum + (table.rows ?? 0), 0)
  return {
    ...{ backup: name, path, scope, seconds },
    at: snapshot.at,
    bytes: size,
    files,
    shared_bytes: totalBytes(manifest.files) + totalBytes(references) - size,
    tables: tables.length,
    rows,
    unproved: tables.filter(({ unproved }) => unproved !== null).map(shown),
  }
}
