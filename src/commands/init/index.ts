import { resolve } from 'node:path'
import { z } from 'zod'
import { argument, command, option, positiveInteger, shared } from '../../cli/command.ts'
import { plural } from '../../cli/format.ts'
import { connectionSettings } from '../../init/connection.ts'
import { type Findings, look } from '../../init/look.ts'
import { refuseExisting, writeWarehouse } from '../../init/write.ts'
import { warehouseYaml } from '../../init/yaml.ts'
import { parseRelation, shown } from '../../postgres/identifiers.ts'
import { fileForPeople } from '../../warehouse/files.ts'
import { span, spanSeconds } from '../../warehouse/values.ts'

export const init = command({
  name: 'init',
  summary: 'write a warehouse file for a database by looking at it',
  description:
    'Looks at the tables of a database and writes dwh.yaml, with the folders migrations and sql beside it: the tables that ' +
    'are worth leaves, the partition key and the grain of each, its key, and why; and the others with the reason that they ' +
    'are left alone. What it writes works as it stands: dwh setup. It reads every row of the tables that it proposes, for ' +
    'as long as --timeout allows, and changes nothing.',
  arguments: {
    folder: argument(
      '[folder]',
      'where to write; the current folder unless named',
      z.string().min(1).default('.'),
    ),
  },
  options: {
    tables: option(
      '--tables <table...>',
      'only these, whatever their size',
      z.array(z.string().transform((text, context) => readName(text, context))).optional(),
    ),
    schema: option(
      '--schema <schema...>',
      'only the tables of these schemas',
      z.array(z.string()).optional(),
    ),
    leastRows: option(
      '--least-rows <n>',
      'tables with fewer rows are left alone',
      positiveInteger.default(100_000),
    ),
    timeout: option(
      '--timeout <span>',
      'how long the rows of one table may be read; then a sample must do',
      z.string().default('10 minutes').pipe(span),
    ),
    dryRun: shared.dryRun,
    json: shared.json,
  },
  exits: { 2: 'the folder holds a warehouse file already, or a table that was named is not there' },
  examples: [
    'dwh init',
    'dwh init my-warehouse --database sales',
    'dwh init --dry-run --tables public.orders public.visits',
    'dwh init --schema facts --json',
  ],
  async run(context, { folder, tables, schema, leastRows, timeout, dryRun, json }) {
    if (!dryRun) refuseExisting(resolve(folder))
    const { settings } = context.connection()
    await using session = await context.openReadOnly()
    const findings = await look(
      session,
      context.work,
      { tables, schemas: schema },
      { leastRows, seconds: spanSeconds(timeout) },
    )
    const yaml = warehouseYaml(findings, connectionSettings(settings))
    const path = dryRun ? undefined : await writeWarehouse(resolve(folder), yaml)
    if (json) return context.printJson({ path: path ?? null, ...asJson(findings) })
    if (!path) return context.print(yaml)
    context.print(fileForPeople(path))
    const { proposals, left } = findings
    if (proposals.length === 0) context.say('no table is worth leaves; the file says why, and is a beginning')
    else context.say(`${plural(proposals.length, 'dataset')}, ${plural(left.length, 'table')} left alone`)
    context.say(
      `next: read it, and see what would be done: dwh ${folder === '.' ? '' : `-w ${folder} `}setup --dry-run`,
    )
  },
})

function readName(text: string, context: z.RefinementCtx) {
  try {
    return parseRelation(text)
  } catch (error) {
    context.addIssue({ code: 'custom', message: (error as Error).message })
    return z.NEVER
  }
}

function asJson({ database, proposals, left }: Findings) {
  return {
    database,
    datasets: proposals.map(
      ({ name, table, survey, yearlyRows, key, policy, leaves, obstacle, candidates, wide }) => ({
        dataset: name,
        target: shown(table),
        rows: survey.rows,
        exact: survey.exact,
        bytes: table.bytes,
        rows_last_year: yearlyRows,
        key: key.key ?? null,
        recency: key.recency ?? null,
        partition: Object.fromEntries(policy.map((field) => [field.name, field.value])),
        leaves: leaves ?? null,
        obstacle: obstacle ?? null,
        candidates: candidates.map(({ key: columns, kind, score, reasons }) => ({
          key: columns,
          kind,
          score: Math.round(score),
          reasons,
        })),
        wide,
      }),
    ),
    left: left.map(({ table, reason }) => ({
      table: shown(table),
      reason,
      rows: table.rows,
      bytes: table.bytes,
    })),
  }
}
