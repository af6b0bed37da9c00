import { DwhError } from '../errors.ts'
import type { Session } from '../postgres/session.ts'

const who = 'SELECT pg_backend_pid() AS pid'

/**
 * A lease lives with the connection that renews it, and a run with its own. A pooler that gives each transaction whatever connection
 * is free breaks both without a word, so that it is found out before.
 *
 * @throws DwhError CONFIG_INVALID behind a pooler in transaction or statement mode
 */
export async function refusePooling(session: Session): Promise<void> {
  const pid = async (one: Session) => (await one.one<{ pid: number }>(who)).pid
  const own = await pid(session)
  // Without a pooler the server itself has told the pid at the login.
  if (own === session.pid) return
  await using other = await session.sibling('dwh pooler')
  // While the other holds a connection in a transaction ours must still be the same, and not that one.
  await other.run('BEGIN').catch(() => {
    throw refusal('statement')
  })
  const its = await pid(other)
  const again = await pid(session)
  await other.run('ROLLBACK')
  if (its === own || again !== own) throw refusal('transaction')
}

function refusal(mode: string): DwhError {
  return new DwhError(
    'CONFIG_INVALID',
    `a connection pooler in ${mode} mode stands before the server: leases live with their connections; nothing was changed`,
    {
      hint: 'connect to the server itself (--port 5432), or give this database `pool_mode=session` in the [databases] section of pgbouncer.ini',
    },
  )
}
