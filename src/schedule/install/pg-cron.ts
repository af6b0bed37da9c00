import { literal } from '../../postgres/identifiers.ts'
import { quoted } from './cron.ts'
import type { Installation, InstallPlace } from './place.ts'

/**
 * SQL for pg_cron, which runs SQL only: a COPY that starts the program on the machine of the server, once a minute. pg_cron
 * begins no job beside itself, so that the program goes on in the background.
 */
export function pgCronSql({ warehouse, program, variables, folder }: InstallPlace): Installation {
  const environment = Object.entries(variables).map(([name, value]) => `${name}=${quoted(value)}`)
  const words = [...program, 'schedule', 'run', '--once'].map(quoted)
  // Nothing is sent to it: it has gone when the COPY ends.
  const command = `cd ${quoted(folder)} && ${[...environment, ...words].join(' ')} </dev/null >/dev/null 2>&1 &`
  const copy = `COPY (SELECT WHERE false) TO PROGRAM ${literal(command)}`
  const text = `-- To be run in the database of pg_cron (cron.database_name), by a superuser or a member of pg_execute_server_program.
-- dwh has to be installed on the machine of the server, and its user must be able to read the warehouse file.
SELECT cron.schedule(${literal(`dwh schedule ${warehouse}`)}, '* * * * *', ${literal(copy)});
`
  return { text, path: undefined, next: [] }
}
