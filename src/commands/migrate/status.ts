import { command, shared } from '../../cli/command.ts'
import { duration, moment } from '../../cli/format.ts'
import { table } from '../../cli/table.ts'
import { folderStatus } from '../../migrate/history.ts'
import { foldersOf } from './folders.ts'

export const migrateStatus = command({
  name: 'status',
  summary: 'list migrations and whether they are applied',
  options: { json: shared.json },
  examples: ['dwh -w sigeti migrate status'],
  async run(context, { json }) {
    await using session = await context.openReadOnly()
    const all = []
    for (const folder of foldersOf(context)) all.push(...(await folderStatus(session, folder)))
    if (json) {
      return context.printJson(
        all.map(({ folder, name, state, appliedAt, milliseconds }) => ({
          folder,
          name,
          state,
          applied_at: appliedAt ?? null,
          seconds: milliseconds === undefined ? null : milliseconds / 1000,
        })),
      )
    }
    context.print(
      table(
        context.streams.out,
        [
          { title: 'folder', value: ({ folder }) => folder },
          { title: 'migration', value: ({ name }) => name },
          { title: 'state', value: ({ state }) => state },
          { title: 'applied', value: ({ appliedAt }) => appliedAt && moment(appliedAt) },
          {
            title: 'took',
            value: ({ milliseconds }) => (milliseconds === undefined ? '' : duration(milliseconds / 1000)),
            align: 'right',
          },
        ],
        all,
      ),
    )
  },
})
