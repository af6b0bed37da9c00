import { command, shared } from '../../cli/command.ts'
import { plural, printable } from '../../cli/format.ts'
import type { Answer } from '../../doctor/answer.ts'
import { examine } from '../../doctor/examine.ts'
import { DwhError } from '../../errors.ts'

export const doctor = command({
  name: 'doctor',
  summary: 'ask what a DBA would ask first',
  description: 'Yes or no questions, each no with what mends it. Reads only.',
  options: { json: shared.json },
  exits: { 4: 'a question is answered with no' },
  examples: ['dwh doctor', 'dwh -w sigeti doctor --json'],
  async run(context, { json }) {
    await using session = await context.openReadOnly()
    const answers = await examine(session, context.warehouseIfAny()?.datasets ?? [])
    if (json)
      context.printJson(
        answers.map(({ ok, mend, ...rest }) => ({ ...rest, ok: ok ?? null, mend: mend ?? null })),
      )
    else for (const answer of answers) context.print(line(answer))
    const failed = answers.filter(({ ok }) => ok === false)
    if (failed.length > 0) {
      throw new DwhError(
        'CHECK_FAILED',
        `${plural(failed.length, 'question')} answered with no: ${failed.map(({ id }) => id).join(', ')}`,
      )
    }

    function line({ question, ok, finding, mend }: Answer): string {
      const { paint } = context.streams.out
      const mark = ok === undefined ? paint.dim('?') : ok ? paint.green('✓') : paint.red('✗')
      return `${mark} ${question} ${paint.dim(printable(finding))}${mend ? `\n    ${paint.cyan(printable(mend))}` : ''}`
    }
  },
})
