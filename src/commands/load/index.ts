import { z } from 'zod'
import { argument, command, flag, option, positiveInteger, shared } from '../../cli/command.ts'
import { namedDataset } from '../../cli/datasets.ts'
import { budget, planAndLoad } from '../../cli/load.ts'
import { DwhError } from '../../errors.ts'
import type { FileOptions } from '../../load/files.ts'
import { strategies } from '../../load/plan.ts'
import { replayable, requireSameTable } from '../../load/replay.ts'
import { makePrivate } from '../../postgres/server/folder.ts'
import { findInputs } from '../../sources/file/find.ts'
import type { Dataset } from '../../warehouse/load.ts'
import { datasetOfSource, parametersOfSource } from '../../warehouse/of-source.ts'
import { columnNames, parameters } from './flags.ts'

export const load = command({
  name: 'load',
  summary: 'load files into a dataset: deduplicated, accounted for to the last row, safe to repeat',
  description:
    'Streams files (csv, tsv, ndjson, json, parquet; plain, gzip, zstd, members of zips; - for standard input) into the ' +
    'table of a dataset with COPY. Rows arrive out of sight of all readers and become visible in one last transaction, with ' +
    'the ledger’s row: a file is loaded whole, once, or not at all. What cannot be a row is kept as a reject with every ' +
    'reason (dwh rejects). Killed anywhere, the same command begins the file again.',
  arguments: {
    dataset: argument('<dataset>', 'that receives the rows', z.string()),
    files: argument(
      '<file...>',
      'files, globs, a.zip!member; - is standard input',
      z.array(z.string()).min(1),
    ),
  },
  options: {
    strategy: option(
      '--strategy <name>',
      'how rows come into the table; chosen by what is there unless named',
      z.enum(strategies).optional(),
    ),
    onDuplicate: option(
      '--on-duplicate <rule>',
      'which of two rows with one key is kept; skip: the table’s, then the newest of the file',
      z.enum(['newest', 'first', 'skip', 'error']).default('newest'),
    ),
    maxRejects: option(
      '--max-rejects <n|n%>',
      'refuse the file as a whole when more of its records cannot be loaded; as in thresholds of the dataset unless given',
      budget.optional(),
    ),
    source: option(
      '--source <name>',
      'the files hold records of this source: its map, scope, key and parameters count; with --format json or ndjson its fields too',
      z.string().optional(),
    ),
    param: option('--param <name=value...>', 'parameters of the dataset’s scope', parameters.optional()),
    replays: option(
      '--replays <load>',
      'the file holds the mended rejects of this load, which are done with when it is loaded',
      positiveInteger.optional(),
    ),
    again: flag('--again', 'load a file once more that was loaded already'),
    format: option(
      '--format <name>',
      'by the content and the name of the file unless given',
      z.enum(['csv', 'tsv', 'ndjson', 'json', 'parquet']).optional(),
    ),
    delimiter: option(
      '--delimiter <character>',
      'between the fields of csv; guessed unless given',
      z.string().optional(),
    ),
    quote: option('--quote <character>', 'around fields of csv', z.string().length(1).optional()),
    escape: option(
      '--escape <character>',
      'before a quote within quotes; the quote itself unless given',
      z.string().length(1).optional(),
    ),
    header: option(
      '--no-header',
      'the first line of csv is a row; --columns names the columns',
      z.boolean().default(true),
    ),
    columns: option(
      '--columns <names>',
      'names of the columns of csv, separated by commas, instead of those of its header',
      columnNames.optional(),
    ),
    encoding: option(
      '--encoding <name>',
      'of the text, such as latin1 or windows-1252; utf-8 unless given',
      z.string().optional(),
    ),
    null: option(
      '--null <text>',
      'unquoted text of csv that stands for NULL; the empty one unless given',
      z.string().optional(),
    ),
    decimalComma: flag('--decimal-comma', 'numbers are written with a comma'),
    proof: option('--no-proof', 'do not hash the leaves that are made', z.boolean().default(true)),
    jobs: option(
      '--jobs <n>',
      'connections that send rows and build indexes',
      positiveInteger.max(64).default(2),
    ),
    dryRun: shared.dryRun,
    yes: shared.yes,
    timeout: shared.timeout,
    json: shared.json,
  },
  exits: {
    1: 'a file could not be loaded; nothing of it is in the table',
    5: 'some of several files could not be loaded; the others are',
    6: 'another run loads this file, or a lock did not come within the ladder',
  },
  examples: [
    'dwh load measure 2024-*.csv.gz',
    'dwh load measure archive.zip!*.txt --delimiter ";" --encoding latin1',
    'psql -c "COPY … TO STDOUT CSV HEADER" | dwh load measure - --yes',
    'dwh load measure dirty.csv --dry-run',
    'dwh load measure mended.csv --replays 12',
    'dwh load measure answers.ndjson --source piezo --param code_bss=00387X0184/PZCC1 --format ndjson',
  ],
  async run(context, input) {
    const named = namedDataset(context, input.dataset)
    const { source, param = {} } = input
    const dataset = source === undefined ? named : datasetOfSource(named, source)
    const options: FileOptions = {
      warehouse: context.warehouse().name,
      strategy: input.strategy,
      onDuplicate: input.onDuplicate,
      parameters: source === undefined ? param : parametersOfSource(named, source, param),
      budget: input.maxRejects ?? { share: dataset.thresholds.rejects },
      again: input.again,
      prove: input.proof,
      jobs: input.jobs,
      decimalComma: input.decimalComma,
      replay: input.replays === undefined ? undefined : { load: input.replays },
      reading: {
        format: input.format,
        delimiter: input.delimiter,
        quote: input.quote,
        escape: input.escape,
        header: input.header,
        columns: input.columns ?? fieldsOf(named, input),
        encoding: input.encoding,
        nullText: input.null,
      },
    }
    if (input.replays !== undefined) {
      await using session = await context.openReadOnly()
      requireSameTable(await replayable(session, input.replays), dataset)
    }
    const surroundings = { cwd: process.cwd(), stdin: process.stdin, spoolFolder: makePrivate('spool') }
    await using stack = new AsyncDisposableStack()
    const inputs = await findInputs(input.files, surroundings, context.work)
    for (const one of inputs) stack.use(one)
    if (input.replays !== undefined && inputs.length > 1)
      throw new DwhError('USAGE', '--replays goes with one file')
    await planAndLoad(context, dataset, inputs, options, input)
  },
})

/** Of JSON, the keys that the source is read by; a header of csv says its own. */
function fieldsOf({ sources }: Dataset, { source, format }: { source?: string; format?: string }) {
  const settings = source === undefined ? undefined : sources[source]
  const isJson = format === 'json' || format === 'ndjson'
  return isJson && settings && 'fields' in settings ? settings.fields : undefined
}
