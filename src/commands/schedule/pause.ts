import { userInfo } from 'node:os'
import { command, flag, shared } from '../../cli/command.ts'
import { plural } from '../../cli/format.ts'
import { jobsArgument, namedJobs } from '../../cli/jobs.ts'
import { recorded } from '../../cli/recorded.ts'
import { DwhError } from '../../errors.ts'
import { pauseJobs, seeSome } from '../../ledger/jobs.ts'

export const schedulePause = command({
  name: 'pause',
  summary: 'begin no slot of a job until it is resumed; what works goes on',
  description: 'What is due meanwhile ends as skipped, with who has paused it and since when.',
  arguments: { job: jobsArgument },
  options: { all: flag('--all', 'every job'), json: shared.json },
  examples: ['dwh schedule pause weekly', 'dwh schedule pause --all'],
  async run(context, { job: names, all, json }) {
    if (names.length === 0 && !all) throw new DwhError('USAGE', 'name jobs, or say --all')
    const chosen = namedJobs(context, names)
    const jobs = [...chosen.keys()]
    const { name } = context.warehouse()
    await recorded(context, [], async ({ session }) => {
      // Nobody may have run them yet.
      await seeSome(session, name, chosen)
      await pauseJobs(session, name, jobs, userInfo().username)
      return { paused: jobs }
    })
    if (json) context.printJson({ paused: jobs })
    else context.say(`${plural(jobs.length, 'job')} paused: ${jobs.join(', ')}; dwh schedule resume goes on`)
  },
})
