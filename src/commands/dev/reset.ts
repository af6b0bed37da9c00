import { command, shared } from '../../cli/command.ts'
import { serverFolder } from '../../postgres/server/folder.ts'
import { resetServer, serverStatus } from '../../postgres/server/server.ts'

export const reset = command({
  name: 'reset',
  summary: 'delete the embedded server with all its data',
  description:
    'Stops the server and deletes its folder: every database in it. The next `dwh dev start` begins anew.',
  options: { yes: shared.yes, dryRun: shared.dryRun },
  examples: ['dwh dev reset', 'dwh dev reset --yes'],
  async run(context, { yes, dryRun }) {
    const folder = serverFolder(process.cwd())
    const { state } = serverStatus(folder)
    if (state === 'missing')
      return context.say('nothing to delete: there is no embedded server for this folder')
    context.say(`to be deleted: the server in ${folder} (${state}) with all its databases`)
    if (dryRun || !(await context.confirm('delete it?', yes))) return context.say('nothing was deleted')
    await resetServer(folder, context.work)
    context.say('deleted')
  },
})
