import { command, shared } from '../../cli/command.ts'
import { printable } from '../../cli/format.ts'
import { DwhError } from '../../errors.ts'
import { tryChannels } from '../../schedule/alerts/pass.ts'

export const alertTest = command({
  name: 'test',
  summary: 'send a test through every channel of the warehouse file',
  description: 'A webhook, a mail, a program: whichever stand under `alerts`. No database is asked.',
  options: { json: shared.json },
  examples: ['dwh -w sigeti alert test'],
  async run(context, { json }) {
    const trials = await tryChannels(context.warehouse(), context.work.signal)
    if (trials.length === 0)
      throw new DwhError('USAGE', 'the warehouse file names nobody who is told', {
        hint: 'add a webhook, mail or command under alerts',
      })
    if (json) context.printJson(trials)
    else
      for (const { channel, to, error } of trials)
        context.print(
          `${error === null ? '✓' : '✗'} ${channel} to ${to}${error === null ? '' : `: ${printable(error)}`}`,
        )
    const failed = trials.filter(({ error }) => error !== null)
    if (failed.length > 0)
      throw new DwhError('FAILED', `nobody heard of ${failed.map(({ channel }) => channel).join(', ')}`, {
        hint: 'mend alerts in the warehouse file, or what it names',
      })
  },
})
