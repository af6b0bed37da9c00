import { z } from 'zod'
import { type Check, type CheckResult, checkTitle, chooseChecks } from '../../checks/check.ts'
import { runChecks } from '../../checks/run.ts'
import type { CheckedDays } from '../../checks/values.ts'
import { argument, command, flag, option, shared } from '../../cli/command.ts'
import type { Context } from '../../cli/context.ts'
import { plural } from '../../cli/format.ts'
import { recordedWherePossible } from '../../cli/recorded.ts'
import { DwhError } from '../../errors.ts'
import { keepCheckResult } from '../../ledger/checks.ts'
import { calendarDate, span, spanSeconds } from '../../warehouse/values.ts'
import { listJson, readListed, renderListed } from './list.ts'
import { renderResult, resultsJson } from './render.ts'

export const check = command({
  name: 'check',
  summary: 'ask whether the data is as it should be',
  description:
    'Runs the checks of the warehouse file: SQL that returns the rows that offend. Each runs in a read-only transaction of its ' +
    'own; all offending rows are counted, and the first of them shown. Results are kept in the ledger where there is one. ' +
    'A warning (!) fails nothing; a check whose SQL cannot be run (?) does.',
  arguments: {
    dataset: argument('[dataset...]', 'datasets; all unless named', z.array(z.string()).default([])),
  },
  options: {
    check: option('--check <name...>', 'only these', z.array(z.string()).default([])),
    from: option(
      '--from <date>',
      'look at days from here on, by the zone of the policy',
      calendarDate.optional(),
    ),
    to: option('--to <date>', 'and before this day', calendarDate.optional()),
    limit: option(
      '--limit <n>',
      'offending rows of each check that are shown and kept',
      z.coerce.number<string>().int().min(0).max(1000).default(5),
    ),
    timeout: option(
      '--timeout <span>',
      'give a check up after this time: 10min unless given',
      span.optional(),
    ),
    list: flag('--list', 'run nothing: list the checks with their last results'),
    json: shared.json,
  },
  exits: {
    1: 'the SQL of a check cannot be run, and no other has failed',
    4: 'a check of severity error has more offending rows than are accepted',
  },
  examples: [
    'dwh check',
    'dwh check measure --from 2024-01 --to 2024-02',
    'dwh check --check coverage --limit 50 --json',
    'dwh check --list',
  ],
  async run(context, { dataset, check: names, from, to, limit, timeout, list, json }) {
    const checks = chooseChecks(context.warehouse(), dataset, names)
    if (from && to && from.toString() >= to.toString())
      throw new DwhError('USAGE', `--from ${from} does not lie before --to ${to}`, {
        hint: 'the interval is half-open: of one day it is --from 2024-01-31 --to 2024-02-01',
      })
    if (list) return showList(context, checks, json)
    if (checks.length === 0) return sayNone(context, json)
    const timeoutSeconds = timeout ? spanSeconds(timeout) : 600
    await judged(context, checks, { days: { from, to }, sample: limit, timeoutSeconds, json })
  },
})

interface Wanted {
  days: CheckedDays
  sample: number
  timeoutSeconds: number
  json: boolean
}

/** Within the run, so that the ledger has its outcome. */
async function judged(context: Context, checks: Check[], wanted: Wanted): Promise<void> {
  const { days, json } = wanted
  await recordedWherePossible(context, [], async ({ session, work, run }) => {
    const results = await runChecks(session, work, checks, wanted, async (result) => {
      if (run !== null) await keepCheckResult(session, kept(context, run, result, days))
      if (!json) context.print(renderResult(context.streams.out, result))
    })
    const summary = resultsJson(context.warehouse().name, days, results)
    if (json) context.printJson({ ...summary, run })
    else tellSum(context, results)
    requireAllWell(results)
    return { passed: summary.passed, warned: summary.warned }
  })
}

function kept(context: Context, run: number, result: CheckResult, { from, to }: CheckedDays) {
  const { check, state, rows, sample, error, seconds } = result
  return {
    run,
    warehouse: context.warehouse().name,
    dataset: check.dataset.name,
    check: check.name,
    severity: check.severity,
    threshold: check.threshold,
    from: from?.toString() ?? null,
    to: to?.toString() ?? null,
    state,
    rows,
    sample,
    error,
    seconds,
  }
}

function tellSum(context: Context, results: CheckResult[]): void {
  const of = (state: CheckResult['state']) => results.filter((result) => result.state === state).length
  const parts = (['passed', 'warned', 'failed', 'broken'] as const)
    .filter((state) => of(state) > 0)
    .map((state) => `${of(state)} ${state}`)
  context.say(`${plural(results.length, 'check')}: ${parts.join(', ')}`)
}

/** @throws DwhError CHECK_FAILED, or SQL_FAILED where nothing worse than broken checks was found */
function requireAllWell(results: CheckResult[]): void {
  const titles = (state: CheckResult['state']) =>
    results.filter((result) => result.state === state).map(({ check }) => checkTitle(check))
  const [failed, broken] = [titles('failed'), titles('broken')]
  const cannot = `${plural(broken.length, 'check')} cannot be run: ${broken.join(', ')}`
  if (failed.length > 0) {
    throw new DwhError(
      'CHECK_FAILED',
      `${plural(failed.length, 'check')} failed: ${failed.join(', ')}${broken.length > 0 ? `; ${cannot}` : ''}`,
      { hint: 'the offending rows stand above; more of them with --limit' },
    )
  }
  const first = results.find(({ error }) => error)?.error
  if (first) {
    throw new DwhError('SQL_FAILED', `${cannot}; nothing was changed`, {
      cause: first,
      hint: 'why stands above: mend the SQL of the check, and run the same command again',
    })
  }
}

async function showList(context: Context, checks: Check[], json: boolean): Promise<void> {
  const listed = await readListed(context, checks)
  if (json) return context.printJson(listJson(listed))
  if (listed.length === 0) return sayNone(context, false)
  context.print(renderListed(context.streams.out, listed))
}

function sayNone(context: Context, json: boolean): void {
  if (json)
    context.printJson({
      ...resultsJson(context.warehouse().name, { from: undefined, to: undefined }, []),
      run: null,
    })
  else context.say('there are no checks to run: describe them as `checks` of a dataset in the warehouse file')
}
