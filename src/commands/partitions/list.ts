import { command, flag, shared } from '../../cli/command.ts'
import { partitionedDatasets, partitionedDatasetsArgument } from '../../cli/datasets.ts'
import { bytes, count, moment, plural } from '../../cli/format.ts'
import { table } from '../../cli/table.ts'
import { DwhError } from '../../errors.ts'
import { type LeafLine, type LeafList, type LeafState, listLeaves } from '../../partitions/list.ts'

export const partitionsList = command({
  name: 'list',
  summary: 'list leaves with bounds, rows, size and state',
  description: 'Rows are estimates of the last ANALYZE; --exact counts them.',
  arguments: { datasets: partitionedDatasetsArgument },
  options: { exact: flag('--exact', 'count the rows'), json: shared.json },
  exits: {
    4: 'a leaf is missing, has an invalid index, a void seal or was left half detached, or a table is not partitioned',
  },
  examples: [
    'dwh -w sigeti partitions list',
    'dwh partitions list fait_factures --exact',
    'dwh partitions list --json',
  ],
  async run(context, { datasets, exact, json }) {
    await using session = await context.openReadOnly()
    const lists: LeafList[] = []
    for (const dataset of partitionedDatasets(context, datasets))
      lists.push(await listLeaves(session, dataset, exact))
    if (json) context.printJson(lists.map(asJson))
    else for (const list of lists) context.print(asTable(list))
    const wrong = lists.flatMap(problemsOf)
    if (wrong.length > 0) {
      const ways = new Set(wrong.map(({ wayOut }) => wayOut))
      throw new DwhError(
        'CHECK_FAILED',
        `${plural(wrong.length, 'problem')}: ${wrong
          .slice(0, 5)
          .map(({ problem }) => problem)
          .join(', ')}${wrong.length > 5 ? ' …' : ''}`,
        { hint: [...ways].join('; ') },
      )
    }

    function asTable({ dataset, target, leaves, runwayDays }: LeafList): string {
      const runway = runwayDays === undefined ? '' : `, ${plural(runwayDays, 'day')} of runway`
      const title = `${dataset}: ${target === 'partitioned' ? `${plural(leaves.length, 'leaf', 'leaves')}${runway}` : target}\n`
      if (leaves.length === 0) return title
      return (
        title +
        table<LeafLine>(
          context.streams.out,
          [
            { title: 'leaf', value: ({ leaf }) => leaf },
            { title: 'from', value: ({ from }) => from ?? '(the rest)' },
            { title: 'to', value: ({ to }) => to },
            {
              title: exact ? 'rows' : 'rows (about)',
              value: ({ rows }) => (rows === undefined ? '' : count(rows)),
              align: 'right',
            },
            {
              title: 'size',
              value: (line) => (line.state === 'missing' ? '' : bytes(line.bytes)),
              align: 'right',
            },
            { title: 'compression', value: ({ compression }) => compression },
            { title: 'analyzed', value: ({ analyzedAt }) => analyzedAt && moment(analyzedAt) },
            { title: 'state', value: ({ state }) => state },
          ],
          leaves,
        )
      )
    }
  },
})

const waysOut: Record<Exclude<LeafState, 'ok' | 'sealed'>, string> = {
  missing: 'dwh partitions create makes missing leaves',
  'invalid index': 'REINDEX INDEX CONCURRENTLY mends an invalid index',
  'seal void': 'dwh partitions seal seals a leaf anew, dwh partitions unseal gives it up',
  'pending detach': 'ALTER TABLE … DETACH PARTITION … FINALIZE ends an interrupted detach',
}

function problemsOf({ dataset, target, leaves }: LeafList): { problem: string; wayOut: string }[] {
  if (target !== 'partitioned')
    return [{ problem: `${dataset} is ${target}`, wayOut: 'dwh setup makes a partitioned table of it' }]
  return leaves.flatMap(({ leaf, state, seal }) => {
    if (state === 'ok' || state === 'sealed') return []
    const why = state === 'seal void' ? ` (${seal?.why})` : ''
    return [{ problem: `${leaf}: ${state}${why}`, wayOut: waysOut[state] }]
  })
}

function asJson({ dataset, target, leaves, runwayDays }: LeafList) {
  return {
    dataset,
    target,
    runway_days: runwayDays ?? null,
    leaves: leaves.map(({ leaf, from, to, rows, exact, bytes, compression, analyzedAt, seal, state }) => ({
      leaf,
      from: from ?? null,
      to: to ?? null,
      rows: rows ?? null,
      exact,
      bytes,
      compression: compression ?? null,
      analyzed_at: analyzedAt ?? null,
      state,
      seal: seal
        ? { seal: seal.seal, state: seal.state, sealed_at: seal.sealedAt ?? null, why: seal.why ?? null }
        : null,
    })),
  }
}
