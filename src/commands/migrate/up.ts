import { command, shared } from '../../cli/command.ts'
import { plural } from '../../cli/format.ts'
import { recorded } from '../../cli/recorded.ts'
import { planUp, up } from '../../migrate/apply.ts'
import { migrationScript } from '../../migrate/script.ts'
import { foldersOf } from './folders.ts'

export const migrateUp = command({
  name: 'up',
  summary: 'apply the pending migrations',
  description:
    'Applies the migrations of the ledger and of the warehouse that are pending, one transaction each, under a lock ' +
    'that lets one `up` work at a time. A migration that was edited after it had been applied stops it. ' +
    '--dry-run prints the exact SQL and writes nothing.',
  options: { dryRun: shared.dryRun, yes: shared.yes, json: shared.json },
  exits: { 6: 'another one is at work, or a lock did not come within the ladder' },
  examples: ['dwh -w sigeti migrate up', 'dwh -w sigeti migrate up --dry-run | less', 'dwh migrate up --yes'],
  async run(context, { dryRun, yes, json }) {
    const folders = foldersOf(context)
    await using session = await context.openReadOnly()
    const planned = await planUp(session, folders)
    const names = planned.map(({ folder, file }) => `${folder.label}/${file.name}`)
    if (dryRun) return context.printSql(await migrationScript(session, planned), json)
    if (planned.length > 0) {
      context.say(
        `${plural(planned.length, 'migration')} to apply:\n${names.map((name) => `  ${name}\n`).join('')}`,
      )
      if (!(await context.confirm('Apply them?', yes))) return context.say('nothing was changed')
    }
    const applied =
      planned.length === 0
        ? []
        : await recorded(context, [], async ({ session, work }) =>
            (await up(session, work, folders)).map(({ folder, file }) => `${folder.label}/${file.name}`),
          )
    // The ledger's own come first and are applied before there can be a run.
    const done = names.filter((name) => name.startsWith('dwh/') || applied.includes(name))
    if (json) context.printJson({ applied: done })
    else
      context.say(
        done.length === 0
          ? 'nothing to do: every migration is applied'
          : `${plural(done.length, 'migration')} applied`,
      )
  },
})
