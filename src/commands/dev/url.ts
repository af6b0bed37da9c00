import { command, flag } from '../../cli/command.ts'
import { serverFolder } from '../../postgres/server/folder.ts'
import { socketTarget, targetUrl, tcpTarget } from '../../postgres/server/running.ts'
import { serverStatus } from '../../postgres/server/server.ts'
import { notRunning } from './not-running.ts'

export const url = command({
  name: 'url',
  summary: 'print the connection URI of the embedded server',
  description:
    'Prints the URI of its socket, which needs no password: only you (and root) may enter the folder of the socket. ' +
    'For clients that know no sockets --tcp prints the loopback address with the password in it: paste that into the ' +
    "client's settings, not on a command line.",
  options: { tcp: flag('--tcp', 'the address on loopback, with the password') },
  examples: ['psql "$(dwh dev url)"', 'DATABASE_URL=$(dwh dev url) dwh status'],
  async run(context, { tcp }) {
    const folder = serverFolder(process.cwd())
    const { state, process: server } = serverStatus(folder)
    if (!server) throw notRunning(state)
    context.print(targetUrl((tcp ? tcpTarget : socketTarget)(folder, server.port)))
  },
})
