import { z } from 'zod'
import { DwhError } from '../errors.ts'
import type { JobDefinition } from '../ledger/jobs.ts'
import { jobsOf } from '../schedule/jobs.ts'
import { didYouMean } from '../warehouse/nearest.ts'
import { argument } from './command.ts'
import type { Context } from './context.ts'

export const jobsArgument = argument(
  '[job...]',
  'jobs; all of the warehouse file unless named',
  z.array(z.string()).default([]),
)

/**
 * The jobs of these names, or all of them.
 *
 * @throws DwhError USAGE for a name that is none, or where there is no job at all
 */
export function namedJobs(context: Context, names: string[]): Map<string, JobDefinition> {
  const jobs = jobsOf(context.warehouse())
  if (jobs.size === 0)
    throw new DwhError('USAGE', 'the warehouse file has no job', {
      hint: 'add one under schedule.jobs: a name, its cron fields, and the commands to run',
    })
  for (const name of names) {
    if (jobs.has(name)) continue
    const suggestion = didYouMean(name, [...jobs.keys()])
    throw new DwhError('USAGE', `there is no job ${JSON.stringify(name)}${suggestion}`, {
      hint: 'see: dwh schedule list',
    })
  }
  return names.length === 0 ? jobs : new Map([...jobs].filter(([name]) => names.includes(name)))
}
