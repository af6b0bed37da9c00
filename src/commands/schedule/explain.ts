import { command, option, positiveInteger, shared } from '../../cli/command.ts'
import { moment, plural } from '../../cli/format.ts'
import { jobsArgument, namedJobs } from '../../cli/jobs.ts'
import { table } from '../../cli/table.ts'
import { clockChanges, type ExplainedDue, explainYear } from '../../schedule/explain.ts'

export const scheduleExplain = command({
  name: 'explain',
  summary: 'show every due time of a year, and what the changes of the clocks make of them',
  description: 'Arithmetic of the warehouse file and the calendar alone: no database is asked.',
  arguments: { job: jobsArgument },
  options: {
    year: option(
      '--year <year>',
      'which; this one unless named',
      positiveInteger.min(1970).max(9998).optional(),
    ),
    json: shared.json,
  },
  examples: ['dwh -w sigeti schedule explain --year 2027', 'dwh schedule explain weekly --json'],
  async run(context, { job: names, year = new Date().getUTCFullYear(), json }) {
    const jobs = [...namedJobs(context, names)].map(([job, { cron, zone }]) => ({
      ...{ job, cron, zone },
      changes: clockChanges(zone, year).map(({ at, minutes }) => ({
        at: new Date(at.epochMilliseconds),
        ...{ local: at.toPlainDateTime().toString({ smallestUnit: 'minute' }), minutes },
      })),
      due: explainYear({ cron, zone }, year).map(({ at, note, ...due }) => ({
        at: new Date(at),
        ...{ ...due, note: note ?? null },
      })),
    }))
    if (json) return context.printJson({ year, jobs })
    for (const { job, cron, zone, changes, due } of jobs) {
      context.print(`${job}: ${cron} in ${zone}, ${plural(due.length, 'time')} in ${year}`)
      for (const { local, minutes } of changes) {
        const by = `${Math.abs(minutes)} min ${minutes > 0 ? 'forward' : 'back'}`
        context.print(`  ${local.replace('T', ' ')} (new time): the clock is put ${by}`)
      }
      context.print(
        table<Omit<ExplainedDue, 'at' | 'note'> & { at: Date; note: string | null }>(
          context.streams.out,
          [
            { title: 'by the clock of the zone', value: ({ weekday, local }) => `${weekday} ${local}` },
            { title: 'UTC', value: ({ at }) => moment(at).slice(0, 16) },
            { title: 'clock', value: ({ note }) => note },
          ],
          due,
        ),
      )
    }
  },
})
