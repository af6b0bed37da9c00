import { argument, command, positiveInteger, shared } from '../../cli/command.ts'
import { plural } from '../../cli/format.ts'
import { recorded } from '../../cli/recorded.ts'
import { down, planDown } from '../../migrate/apply.ts'
import { migrationScript } from '../../migrate/script.ts'
import { warehouseFolder } from './folders.ts'

export const migrateDown = command({
  name: 'down',
  summary: 'take the last migrations back',
  description:
    'Takes back the last COUNT migrations of the warehouse, newest first, one transaction each. ' +
    'The migrations of the ledger are never taken back.',
  arguments: { count: argument('[count]', 'how many', positiveInteger.default(1)) },
  options: { dryRun: shared.dryRun, yes: shared.yes, json: shared.json },
  exits: { 6: 'another one is at work, or a lock did not come within the ladder' },
  examples: ['dwh -w sigeti migrate down', 'dwh -w sigeti migrate down 2 --dry-run'],
  async run(context, { count, dryRun, yes, json }) {
    const folder = warehouseFolder(context)
    await using session = await context.openReadOnly()
    const planned = await planDown(session, folder, count)
    if (dryRun) return context.printSql(await migrationScript(session, planned, 'down'), json)
    const names = planned.map(({ file }) => `${folder.label}/${file.name}`)
    if (planned.length > 0) {
      context.say(
        `${plural(planned.length, 'migration')} to take back:\n${names.map((name) => `  ${name}\n`).join('')}`,
      )
      if (!(await context.confirm('Take them back, with the data that they made?', yes))) {
        return context.say('nothing was changed')
      }
      await recorded(context, [], async ({ session, work }) => {
        await down(session, work, folder, count)
        return names
      })
    }
    if (json) context.printJson({ taken_back: names })
    else
      context.say(
        names.length === 0
          ? 'nothing to do: no migration is applied'
          : `${plural(names.length, 'migration')} taken back`,
      )
  },
})
