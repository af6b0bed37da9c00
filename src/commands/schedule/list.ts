import { command, option, positiveInteger, shared } from '../../cli/command.ts'
import { duration, moment } from '../../cli/format.ts'
import { table } from '../../cli/table.ts'
import type { SlotLine } from '../../ledger/slots.ts'
import { jobsOf } from '../../schedule/jobs.ts'
import { type JobLine, listSchedule } from '../../schedule/list.ts'

export const scheduleList = command({
  name: 'list',
  summary: 'list jobs with their last slots and the next one',
  options: {
    slots: option(
      '--slots <n>',
      'how many of the last slots of each job',
      positiveInteger.max(1000).default(3),
    ),
    json: shared.json,
  },
  examples: ['dwh -w sigeti schedule list', 'dwh schedule list --slots 20 --json'],
  async run(context, { slots, json }) {
    const warehouse = context.warehouse()
    await using session = await context.openReadOnly()
    const jobs = await listSchedule(session, warehouse.name, jobsOf(warehouse), slots)
    if (json) return context.printJson(jobs)
    if (jobs.length === 0) return context.say('the warehouse file has no job')
    const { out } = context.streams
    context.print(
      table<JobLine>(
        out,
        [
          { title: 'job', value: ({ job }) => job },
          { title: 'cron', value: ({ cron }) => cron },
          { title: 'zone', value: ({ zone }) => zone },
          { title: 'next', value: ({ next_due }) => next_due && moment(next_due) },
          { title: 'state', value: stateText },
          { title: 'runs', value: ({ run }) => run.join('; ') },
        ],
        jobs,
      ),
    )
    const last = jobs.flatMap((job) => job.last)
    if (last.length === 0) return
    context.print(
      `\n${table<SlotLine>(
        out,
        [
          { title: 'slot', value: ({ slot }) => slot, align: 'right' },
          { title: 'job', value: ({ job }) => job },
          { title: 'due', value: ({ due_at }) => moment(due_at) },
          { title: 'state', value: ({ state }) => state },
          {
            title: 'began after',
            value: ({ late_seconds: late }) => (late === null ? '' : duration(late)),
            align: 'right',
          },
          {
            title: 'took',
            value: ({ seconds }) => (seconds === null ? '' : duration(seconds)),
            align: 'right',
          },
          { title: 'run', value: ({ run }) => run, align: 'right' },
          { title: 'why', value: ({ reason }) => reason },
        ],
        last,
      )}`,
    )
  },
})

function stateText({ state, paused_at, paused_by }: JobLine): string {
  if (!paused_at || state === 'gone') return state
  const paused = `paused since ${moment(paused_at)} by ${paused_by}`
  return state === 'running' ? `running, ${paused}` : paused
}
