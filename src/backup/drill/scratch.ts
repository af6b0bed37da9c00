import type { Work } from '../../events.ts'
import { ident } from '../../postgres/identifiers.ts'
import { TemporaryServer } from '../../postgres/server/temporary.ts'
import { Session } from '../../postgres/session.ts'
import { sql } from '../../postgres/sql-files.ts'
import type { Manifest } from '../manifest.ts'

/**
 * A throw-away server of this machine's binaries, with the roles and tablespaces that a backup takes for granted: roles that
 * may not log in, and tablespaces in the folder of the server.
 *
 * @throws as TemporaryServer.start
 */
export async function startScratch(work: Work, { needs, database }: Manifest): Promise<TemporaryServer> {
  const server = await TemporaryServer.start(work)
  try {
    await using session = await Session.open(
      { ...server.target, database: 'postgres' },
      'dwh backup drill',
      work,
    )
    const roles = new Set([
      ...needs.roles,
      database.owner,
      ...database.settings.flatMap(({ role }) => role ?? []),
    ])
    const missing = await session.rows<{ kind: string; name: string }>(sql('restore/missing'), [
      [...roles],
      [],
      needs.tablespaces,
      database.encoding,
      [],
    ])
    for (const { kind, name } of missing) {
      if (kind === 'role') await session.run(`CREATE ROLE ${ident(name)}`)
      if (kind !== 'tablespace') continue
      await session.run('SET allow_in_place_tablespaces = on')
      await session.run(`CREATE TABLESPACE ${ident(name)} LOCATION ''`)
    }
    return server
  } catch (error) {
    await server[Symbol.asyncDispose]()
    throw error
  }
}
