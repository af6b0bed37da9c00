import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { z } from 'zod'
import { argument, command } from '../../cli/command.ts'
import { DwhError } from '../../errors.ts'
import { serverFolder } from '../../postgres/server/folder.ts'
import { howToInstall } from '../../postgres/server/install.ts'
import { socketTarget } from '../../postgres/server/running.ts'
import { serverStatus } from '../../postgres/server/server.ts'
import { notRunning } from './not-running.ts'

export const psql = command({
  name: 'psql',
  summary: 'open psql on the embedded server',
  description: 'What stands after -- is for psql.',
  arguments: {
    words: argument('[words...]', 'arguments of psql, after --', z.array(z.string()).default([])),
  },
  examples: ['dwh dev psql', "dwh dev psql -- -c 'SELECT version()'", 'dwh dev psql -- -f sql/report.sql'],
  async run(_context, { words }) {
    const folder = serverFolder(process.cwd())
    const { state, process: server, lastStart } = serverStatus(folder)
    if (!server) throw notRunning(state)
    const program = findPsql(lastStart?.binaries.folder)
    const { host, port, database, user } = socketTarget(folder, server.port)
    const where = { PGHOST: host, PGPORT: String(port), PGDATABASE: database, PGUSER: user }
    // Either would win over PGHOST.
    const env = { ...process.env, ...where, PGSERVICE: undefined, PGHOSTADDR: undefined }
    // In a terminal Ctrl-C reaches psql as well, where it cancels a query; it must not end us meanwhile.
    process.removeAllListeners('SIGINT').on('SIGINT', () => {})
    const child = spawn(program, words, { stdio: 'inherit', env })
    const [code, signal] = await once(child, 'close')
    if (code !== 0) throw new DwhError('FAILED', `psql ended with ${code ?? signal}`)
  },
})

/** psql beside the server programs, else on the PATH; the npm package has none. */
function findPsql(serverPrograms: string | undefined): string {
  const folders = [serverPrograms ?? '', ...(process.env.PATH ?? '').split(delimiter)].filter(Boolean)
  const found = folders.map((folder) => join(folder, 'psql')).find(isExecutable)
  if (found) return found
  throw new DwhError('TOOL_MISSING', 'psql is not installed here', { hint: howToInstall('client') })
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
