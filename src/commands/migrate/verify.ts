import { command, shared } from '../../cli/command.ts'
import { plural } from '../../cli/format.ts'
import { table } from '../../cli/table.ts'
import { DwhError } from '../../errors.ts'
import { verifyMigrations } from '../../migrate/verify.ts'
import { foldersOf } from './folders.ts'

export const migrateVerify = command({
  name: 'verify',
  summary: 'find what is not as the migrations left it',
  description:
    'Compares the hash of every applied migration, of its file and of the SQL that it produces, with the ledger, and the ' +
    'tables of the datasets with their policies. Changes nothing.',
  options: { json: shared.json },
  exits: { 4: 'something differs' },
  examples: ['dwh -w sigeti migrate verify'],
  async run(context, { json }) {
    await using session = await context.openReadOnly()
    const drift = await verifyMigrations(session, foldersOf(context), context.warehouseIfAny())
    if (json) context.printJson(drift)
    else if (drift.length > 0) {
      context.print(
        table(
          context.streams.out,
          [
            { title: 'what', value: ({ what }) => what },
            { title: 'problem', value: ({ problem }) => problem },
          ],
          drift,
        ),
      )
    } else context.say('everything is as the migrations left it')
    if (drift.length > 0)
      throw new DwhError('CHECK_FAILED', `${plural(drift.length, 'difference')}; nothing was changed`)
  },
})
