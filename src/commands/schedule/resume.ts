import { command, flag, shared } from '../../cli/command.ts'
import { plural } from '../../cli/format.ts'
import { jobsArgument, namedJobs } from '../../cli/jobs.ts'
import { recorded } from '../../cli/recorded.ts'
import { DwhError } from '../../errors.ts'
import { resume } from '../../schedule/claim.ts'

export const scheduleResume = command({
  name: 'resume',
  summary: 'let a paused job go on; what was due meanwhile stays skipped',
  arguments: { job: jobsArgument },
  options: { all: flag('--all', 'every job'), json: shared.json },
  examples: ['dwh schedule resume weekly', 'dwh schedule resume --all'],
  async run(context, { job: names, all, json }) {
    if (names.length === 0 && !all) throw new DwhError('USAGE', 'name jobs, or say --all')
    const jobs = [...namedJobs(context, names).keys()]
    const { name } = context.warehouse()
    const resumed = await recorded(context, [], async ({ session }) => {
      const went: string[] = []
      for (const job of jobs) if (await resume(session, name, job)) went.push(job)
      return { resumed: went }
    })
    if (json) context.printJson(resumed)
    else if (resumed.resumed.length === 0) context.say('none of them was paused')
    else context.say(`${plural(resumed.resumed.length, 'job')} resumed: ${resumed.resumed.join(', ')}`)
  },
})
