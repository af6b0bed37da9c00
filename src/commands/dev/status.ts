import { command, shared } from '../../cli/command.ts'
import { moment } from '../../cli/format.ts'
import { logFile, serverFolder } from '../../postgres/server/folder.ts'
import { socketTarget, targetUrl } from '../../postgres/server/running.ts'
import { serverStatus } from '../../postgres/server/server.ts'
import { notRunning } from './not-running.ts'

export const status = command({
  name: 'status',
  summary: 'whether the embedded server runs, and where',
  options: { json: shared.json },
  exits: { 0: 'it accepts connections', 3: 'it does not' },
  examples: ['dwh dev status', 'dwh dev status --json'],
  async run(context, { json }) {
    const folder = serverFolder(process.cwd())
    const { state, process: server, lastStart } = serverStatus(folder)
    const facts = {
      state,
      folder,
      postgresql: lastStart?.binaries.version,
      binaries: lastStart?.binaries.folder,
      compression: lastStart && (lastStart.binaries.lz4 ? 'lz4' : 'pglz'),
      log: lastStart && logFile(folder),
      pid: server?.pid,
      port: server?.port,
      started_at: server && moment(server.startedAt),
      url: server && targetUrl(socketTarget(folder, server.port)),
    }
    if (json) context.printJson({ ...facts, started_at: server?.startedAt })
    else context.print(lines(facts))
    if (state !== 'ready') throw notRunning(state)
  },
})

function lines(facts: Record<string, string | number | undefined>): string {
  const known = Object.entries(facts).filter(([, value]) => value !== undefined)
  return known.map(([name, value]) => `${name.replace('_', ' ').padEnd(12)} ${value}`).join('\n')
}
