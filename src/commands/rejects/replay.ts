import { z } from 'zod'
import { command, option, positiveInteger, shared } from '../../cli/command.ts'
import type { Context } from '../../cli/context.ts'
import { namedDataset } from '../../cli/datasets.ts'
import { budget, planAndLoad } from '../../cli/load.ts'
import { sourceOfLoad } from '../../ledger/load-source.ts'
import type { FileOptions } from '../../load/files.ts'
import { replayable, replayInput, requireSameTable } from '../../load/replay.ts'
import { makePrivate } from '../../postgres/server/folder.ts'
import { datasetOfSource } from '../../warehouse/of-source.ts'
import { loadArgument } from './find.ts'

export const rejectsReplay = command({
  name: 'replay',
  summary: 'load refused rows once more, after what refused them was mended',
  description:
    'Takes the bytes of the rows that a load refused and loads them, read as their file was. The new load takes all of them ' +
    'over: those that are refused again are its rejects. When all are, nothing is changed. A second replay finds nothing to do.',
  arguments: { load: loadArgument },
  options: {
    strategy: option(
      '--strategy <name>',
      'how rows come into the table; chosen by what is there unless named, append where the dataset has no key',
      z.enum(['append', 'merge', 'aside']).optional(),
    ),
    onDuplicate: option(
      '--on-duplicate <rule>',
      'which of two rows with one key is kept; skip: the table’s, then the newest of the rejects',
      z.enum(['newest', 'first', 'skip', 'error']).default('newest'),
    ),
    maxRejects: option(
      '--max-rejects <n|n%>',
      'change nothing when more of them are refused again; all but one unless given',
      budget.optional(),
    ),
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
    1: 'they could not be loaded; nothing was changed',
    6: 'another run replays them, or a lock did not come within the ladder',
  },
  examples: ['dwh rejects replay 12 --dry-run', 'dwh rejects replay 12 --on-duplicate skip --yes'],
  async run(context, input) {
    await using stack = new AsyncDisposableStack()
    const { load, dataset, replay } = await read(context, input.load)
    stack.use(replay.input)
    if (replay.rejects === 0) {
      context.say(`load ${load.load} has no open rejects: nothing to do`)
      if (input.json) context.printJson([])
      return
    }
    const { decimalComma, ...reading } = load.reading
    const options: FileOptions = {
      warehouse: context.warehouse().name,
      // Rows of a scope would be replaced by those few.
      strategy: input.strategy ?? (dataset.key ? undefined : 'append'),
      onDuplicate: input.onDuplicate,
      parameters: {},
      budget: input.maxRejects ?? { records: replay.rejects - 1 },
      again: false,
      prove: true,
      jobs: input.jobs,
      decimalComma: decimalComma === true,
      reading,
      replay: { load: load.load, rejects: replay.rejects },
    }
    await planAndLoad(context, dataset, [replay.input], options, input)
  },
})

async function read(context: Context, number: number) {
  await using session = await context.openReadOnly()
  const load = await replayable(session, number)
  const named = namedDataset(context, load.dataset)
  const source = await sourceOfLoad(session, number)
  // Records of a source are rows by the map of that source.
  const dataset = source === undefined ? named : datasetOfSource(named, source)
  requireSameTable(load, dataset)
  return { load, dataset, replay: await replayInput(session, load, makePrivate('spool')) }
}
