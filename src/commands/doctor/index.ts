import { backupsOf } from '../../backup/folder.ts'
import { command, flag, shared } from '../../cli/command.ts'
import { plural, printable } from '../../cli/format.ts'
import type { Streams } from '../../cli/streams.ts'
import { type Answer, answersJson, type Mend } from '../../doctor/answer.ts'
import { examine } from '../../doctor/examine.ts'
import { DwhError } from '../../errors.ts'
import { type Span, spanSeconds } from '../../warehouse/values.ts'

const month: Span = { amount: 1, unit: 'month' }

export const doctor = command({
  name: 'doctor',
  summary: 'ask what a DBA would ask first',
  description:
    'Yes or no questions about the server, its machine, its transactions, indexes, leaves and rows, each no with the SQL ' +
    'or the command that mends it. A warning (!) fails nothing. Without a warehouse file the database alone is asked. ' +
    'Reads only. A table that cannot be read within 30 s is not checked, unless --deep says so.',
  options: { deep: flag('--deep', 'read tables for as long as it takes'), json: shared.json },
  exits: { 4: 'a question is answered with no' },
  examples: ['dwh doctor', 'dwh -w sigeti doctor --json', 'dwh doctor --deep'],
  async run(context, { deep, json }) {
    const warehouse = context.warehouseIfAny()
    await using session = await context.openReadOnly()
    const backups = warehouse && {
      folder: backupsOf(warehouse),
      drillDays: spanSeconds(warehouse.backup.drill.every ?? month) / 86_400,
    }
    const answers = await examine(session, warehouse?.datasets ?? [], {
      ...{ deep, backups },
      warehouse: warehouse?.name,
    })
    const failed = answers.filter(({ answer }) => answer === 'no')
    const warnings = answers.filter(({ answer }) => answer === 'warning')
    if (json) {
      context.printJson({
        database: session.target.database,
        server: session.serverVersion,
        warehouse: warehouse?.name ?? null,
        failed: failed.length,
        warnings: warnings.length,
        questions: answersJson(answers),
      })
    } else {
      for (const answer of answers) context.print(renderAnswer(context.streams, answer))
      if (warnings.length > 0) context.say(`${plural(warnings.length, 'warning')}: no reason to fail`)
    }
    if (failed.length > 0) {
      throw new DwhError(
        'CHECK_FAILED',
        `${plural(failed.length, 'question')} answered with no: ${failed.map(({ id }) => id).join(', ')}`,
        { hint: 'what mends each stands below it' },
      )
    }
  },
})

function renderAnswer({ out: { paint } }: Streams, { answer, question, finding, mend }: Answer): string {
  const marks = {
    yes: paint.green('✓'),
    no: paint.red('✗'),
    warning: paint.yellow('!'),
    unknown: paint.dim('?'),
  }
  return `${marks[answer]} ${question} ${paint.dim(printable(finding))}\n${mend ? renderMend(mend) : ''}`

  function renderMend({ kind, text }: Mend): string {
    const lines = text.split('\n').map((line) => printable(kind === 'command' ? `$ ${line}` : line))
    return lines.map((line) => `    ${kind === 'advice' ? line : paint.cyan(line)}\n`).join('')
  }
}
