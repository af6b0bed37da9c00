import { z } from 'zod'
import { command, option, shared } from '../../cli/command.ts'
import { plural } from '../../cli/format.ts'
import { removeLogs } from '../../cli/log.ts'
import { DwhError } from '../../errors.ts'
import { ledgerPresence } from '../../ledger/migrations.ts'
import { pruneRuns } from '../../ledger/runs.ts'
import { span, spanSeconds, spanText } from '../../warehouse/values.ts'

export const runsPrune = command({
  name: 'prune',
  summary: 'forget old runs and delete their logs',
  description:
    'Every run does so at its end with the retention of the warehouse file, 90 days unless said otherwise.',
  options: {
    olderThan: option('--older-than <span>', 'such as "30 days"', z.string().default('90 days').pipe(span)),
    yes: shared.yes,
    json: shared.json,
  },
  examples: ['dwh runs prune --older-than "30 days"'],
  async run(context, { olderThan, yes, json }) {
    if (!(await context.confirm(`Forget every run older than ${spanText(olderThan)}?`, yes))) {
      return context.say('nothing was changed')
    }
    await using session = await context.open()
    if (!(await ledgerPresence(session)).has_ledger)
      throw new DwhError('USAGE', 'there is no ledger in this database yet')
    const pruned = await pruneRuns(session, spanSeconds(olderThan))
    removeLogs(pruned)
    if (json) context.printJson({ forgotten: pruned.map(({ run }) => run) })
    else context.say(`${plural(pruned.length, 'run')} forgotten`)
  },
})
