import { z } from 'zod'
import { paramFlags } from '../../backfill/coverage.ts'
import { type Certificate, different, type Verified, verify } from '../../backfill/verify.ts'
import { requireBackfills } from '../../cli/backfill.ts'
import { argument, command, option, positiveInteger, shared } from '../../cli/command.ts'
import type { Context } from '../../cli/context.ts'
import { namedDataset } from '../../cli/datasets.ts'
import { count, plural } from '../../cli/format.ts'
import { table } from '../../cli/table.ts'
import { DwhError } from '../../errors.ts'
import { parametersText } from '../../sources/window.ts'
import { planFlags } from './flags.ts'

export const backfillVerify = command({
  name: 'verify',
  summary: 'hold what the ledger says of backfills against the rows that are there',
  description:
    'Counts and hashes the rows of scope and window of every window that counts, and compares them with what was proved when it ' +
    'ended. Prints a certificate, or the differences: rows that were deleted, added or changed since, keys that stand twice, ' +
    'windows that fell short of a threshold, days that were never loaded. Reads all rows of those windows; changes nothing.',
  arguments: {
    run: argument('[run]', 'only the windows of this backfill', positiveInteger.optional()),
  },
  options: {
    dataset: option('--dataset <name...>', 'datasets; all unless named', z.array(z.string()).default([])),
    source: option('--source <name>', 'only this source of the datasets', z.string().optional()),
    from: planFlags.from,
    to: planFlags.to,
    json: shared.json,
  },
  exits: { 4: 'rows are not what the ledger says' },
  examples: [
    'dwh backfill verify',
    'dwh backfill verify --dataset measure --from 2024-01-01 --to 2025-01-01',
    'dwh backfill verify 12 --json',
  ],
  async run(context, { run, dataset, source, from, to, json }) {
    for (const name of dataset) namedDataset(context, name)
    await using session = await context.openReadOnly()
    await requireBackfills(session)
    const certificate = await verify(session, context.work, context.warehouse(), {
      backfill: run,
      datasets: dataset.length > 0 ? dataset : undefined,
      source,
      from: from && String(from),
      to: to && String(to),
    })
    if (json) context.printJson(certificate)
    else render(context, certificate)
    const { differences, chunks } = certificate
    if (differences === 0) return
    throw new DwhError(
      'CHECK_FAILED',
      `${plural(differences, 'difference')}; ${plural(chunks.length, 'window')} looked at, nothing was changed`,
      {
        hint: mending(context, certificate),
      },
    )
  },
})

/** Commands that load what differs, and what is not there, once more. */
function mending(context: Context, { chunks, gaps }: Certificate): string {
  const changed = chunks
    .filter(({ finding }) => different.includes(finding))
    .map(({ window_from: from, window_to: to, ...rest }) => ({ ...rest, from, to }))
  const apart = gaps.filter(({ state }) => state === 'quarantined')
  const absent = gaps.filter(({ state }) => state !== 'quarantined')
  const backfills = new Set(apart.map(({ backfill }) => backfill))
  const commands = [
    ...again(context, changed, ' --force'),
    ...again(context, absent, ''),
    ...[...backfills].map((backfill) => `dwh backfill accept ${backfill}`),
  ]
  const shown = commands.slice(0, 3)
  const more = commands.length - shown.length
  return `${shown.join('; ')}${more > 0 ? `; and ${more} more like these` : ''}`
}

interface Differing {
  dataset: string
  source: string
  parameters: Record<string, string>
  from: string | null
  to: string | null
}

/** Days that follow one another are one command. */
function again(context: Context, differing: Differing[], how: string): string[] {
  const commands: { of: string; from: string | null; to: string | null }[] = []
  for (const { dataset, source, parameters, from, to } of differing) {
    const described = context.warehouse().datasets.find(({ name }) => name === dataset)
    const of = `--dataset ${dataset} --source ${source}${paramFlags(described, source, parameters)}`
    const before = commands.find((one) => one.of === of && one.to !== null && one.to === from)
    if (before) before.to = to
    else commands.push({ of, from, to })
  }
  const days = (from: string | null, to: string | null) => (from && to ? ` --from ${from} --to ${to}` : '')
  return commands.map(({ of, from, to }) => `dwh backfill run ${of}${days(from, to)}${how}`)
}

/** What is as it was is counted, all else is listed. */
function render(context: Context, { database, at, chunks, gaps, certified }: Certificate): void {
  const listed = chunks.filter(({ finding }) => finding !== 'equal')
  const out = context.streams.out
  if (listed.length > 0)
    context.print(
      table<Verified>(
        out,
        [
          { title: 'window', value: ({ name }) => name },
          { title: 'chunk', value: ({ chunk }) => chunk, align: 'right' },
          { title: 'is', value: ({ finding }) => finding },
          { title: 'rows', value: ({ rows }) => (rows === null ? null : count(rows)), align: 'right' },
          {
            title: 'were',
            value: ({ expected }) => (expected === null ? null : count(expected)),
            align: 'right',
          },
          { title: 'note', value: ({ note }) => note },
        ],
        listed,
      ),
    )
  for (const { dataset, source, parameters, from, to, why } of gaps) {
    const given = parametersText(parameters)
    context.print(`${dataset}/${source} ${from} to ${to}${given && ` ${given}`}: ${why}\n`)
  }
  context.print(
    `${plural(certified.chunks, 'window')} of ${database} with ${plural(certified.rows, 'row')} ${certified.chunks === 1 ? 'is' : 'are'} as the ledger says, ${at}\n`,
  )
}
