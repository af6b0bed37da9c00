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
  description: 'What stands after -- is for psql. Its exit code is the exit code.',
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
    // psql takes the place of this process: Ctrl-C is its own, which cancels a query and does not end it.
    process.execve?.(program, ['psql', ...words], { ...process.env, ...where })
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
