import { readFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { command } from '../../cli/command.ts'
import { DwhError } from '../../errors.ts'
import { runArgument, theRun } from './find.ts'

export const runsLog = command({
  name: 'log',
  summary: 'print the log of a run',
  description: 'Every step and every statement with its time. Logs lie on the machine where the run was.',
  arguments: { run: runArgument },
  examples: ['dwh runs log 12 | less'],
  async run(context, { run }) {
    await using session = await context.openReadOnly()
    const { log_path, host } = await theRun(session, run)
    const elsewhere = host === hostname() ? '' : ` on ${host}`
    try {
      context.print(await readFile(log_path ?? '', 'utf8'))
    } catch (cause) {
      throw new DwhError('FAILED', `the log of run ${run} is not here: ${log_path}${elsewhere}`, { cause })
    }
  },
})
