import { z } from 'zod'
import { argument, command, shared } from '../../cli/command.ts'
import { namedDataset } from '../../cli/datasets.ts'
import { count, plural, printable } from '../../cli/format.ts'
import { recorded } from '../../cli/recorded.ts'
import { type DedupPlan, isDeduplicated, planDedup } from '../../dedup/plan.ts'
import { dedup } from '../../dedup/run.ts'
import { DwhError } from '../../errors.ts'
import { shown } from '../../postgres/identifiers.ts'

export const dedupCommand = command({
  name: 'dedup',
  summary: 'move superseded rows of a dataset’s key aside, and add the missing constraint',
  description:
    'Finds the keys that stand in more than one row of a table, across all its leaves. `plan` shows them and stops; `run` ' +
    'moves all but the newest row of each (by `recency`) to <name>_duplicates in one transaction, proves that what stays ' +
    'and what moved are what was there, and then adds the unique constraint over key and partition key. Readers and ' +
    'writers of the table go on. Stopped anywhere, the same command goes on.',
  arguments: {
    dataset: argument('<dataset>', 'whose key is looked at', z.string()),
    action: argument('[action]', 'what to do', z.enum(['plan', 'run']).default('plan')),
  },
  options: {
    dryRun: shared.dryRun,
    yes: shared.yes,
    timeout: shared.timeout,
    tablespace: shared.tablespace,
    json: shared.json,
  },
  exits: { 6: 'another run works on this table, or a lock did not come within the ladder' },
  examples: [
    'dwh dedup fait_factures',
    'dwh dedup fait_factures plan --json',
    'dwh dedup fait_factures run --yes',
  ],
  async run(context, { dataset: name, action, dryRun, yes, timeout, tablespace, json }) {
    if (action === 'plan' && yes)
      throw new DwhError('USAGE', 'a plan asks nothing; nothing was changed', {
        hint: `to move the rows: dwh dedup ${name} run --yes`,
      })
    await using session = await context.openReadOnly()
    const plan = await planDedup(session, namedDataset(context, name), tablespace)
    const isPlan = action === 'plan' || dryRun
    if (isPlan && json) context.printJson(asJson(plan))
    else if (isPlan) context.print(lines(plan))
    if (isPlan || isDeduplicated(plan)) {
      if (!isPlan && json) context.printJson({ ...asJson(plan), moved: 0, constraint_added: null })
      else if (isDeduplicated(plan))
        context.say('nothing to do: no key stands twice, and the constraint sees to it')
      return
    }
    context.say(lines(plan))
    if (!(await context.confirm('Go on?', yes))) return context.say('nothing was changed')
    const result = await recorded(
      context,
      [name],
      ({ session, work, run }) => dedup(session, work, plan, run),
      timeout,
    )
    if (json) {
      context.printJson({ ...asJson(plan), moved: result.moved, constraint_added: result.constraint })
    } else {
      context.say(`${plural(result.moved, 'row')} moved to ${shown(plan.aside)}`)
    }
  },
})

function lines({ table, rule, duplicates, superseded, aside, constraint }: DedupPlan): string {
  const key = rule.key.join(', ')
  const { keys, rows, ties, example } = duplicates
  const where = superseded.map(({ member, rows }) => `  ${count(rows)} of ${shown(member)}`)
  return [
    ...(rows === 0
      ? [`${shown(table)}: no key (${key}) stands in more than one row`]
      : [
          `${shown(table)}: ${plural(keys, 'key')} (${key}) in more than one row, such as ${example}`,
          `to move to ${shown(aside)}, which ${aside.exists ? 'is there' : 'will be created'}: ${plural(rows, 'row')}; the newest by ${rule.recency} stay`,
          ...where,
          ...(ties > 0
            ? [`${plural(ties, 'key')} with several newest rows: of them the one stored last stays`]
            : []),
        ]),
    constraint.state === 'there'
      ? `the constraint is there: ${constraint.name} (${constraint.columns.join(', ')})`
      : `to add: ${constraint.name} UNIQUE (${constraint.columns.join(', ')})`,
  ]
    .map(printable)
    .join('\n')
}

function asJson({ dataset, table, rule, duplicates, superseded, aside, constraint }: DedupPlan) {
  return {
    dataset: dataset.name,
    table: shown(table),
    key: rule.key,
    recency: rule.recency ?? null,
    keys: duplicates.keys,
    rows: duplicates.rows,
    ties: duplicates.ties,
    example: duplicates.example,
    leaves: superseded.map(({ member, rows }) => ({ leaf: shown(member), rows })),
    aside: shown(aside),
    constraint: { name: constraint.name, columns: constraint.columns, state: constraint.state },
  }
}
