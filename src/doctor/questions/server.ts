import { findClientTool } from '../../backup/client-tools.ts'
import { DwhError } from '../../errors.ts'
import { ident, shown } from '../../postgres/identifiers.ts'
import { sql } from '../../postgres/sql-files.ts'
import { advice, bySql, no, warning, yes } from '../answer.ts'
import type { Question } from '../question.ts'

/** Major versions that the tests of this project run on. */
const testedVersions = [15, 18]

/** A server that is older than 14 has been refused by then. */
export const version: Question = {
  id: 'version',
  ask: 'Is the server a version that dwh is tested on?',
  async answer({ session, server }) {
    const { version: name } = await server()
    const major = Math.floor(session.serverVersion / 10_000)
    if (testedVersions.includes(major)) return yes(name)
    return warning(
      `it is ${major}; the tests run on ${testedVersions.join(' and ')}`,
      advice(
        `try what you mean to do on a copy first, or upgrade to ${testedVersions.at(-1)} with pg_upgrade`,
      ),
    )
  },
}

export const primary: Question = {
  id: 'primary',
  ask: 'Can the server be written to?',
  async answer({ server }) {
    const { in_recovery } = await server()
    if (!in_recovery) return yes('it is a primary')
    return no(
      'it is a standby',
      advice('connect to the primary (see: dwh config show), or make one of it: SELECT pg_promote()'),
    )
  },
}

export const encoding: Question = {
  id: 'encoding',
  ask: 'Is the database stored in UTF-8?',
  async answer({ server }) {
    const { encoding: found, database } = await server()
    if (found === 'UTF8') return yes(found)
    const copy = `CREATE DATABASE new_name ENCODING 'UTF8' TEMPLATE template0; then pg_dump ${ident(database)} | psql new_name`
    return no(found, advice(copy))
  },
}

export const lz4: Question = {
  id: 'lz4',
  ask: 'Was the server built with LZ4?',
  async answer({ session }) {
    const { has_lz4 } = await session.one<{ has_lz4: boolean }>(sql('postgres/has_lz4'))
    if (has_lz4) return yes()
    return warning(
      'no: pglz is used instead',
      advice('use a server built --with-lz4, as those of Debian and PGDG are'),
    )
  },
}

export const privileges: Question = {
  id: 'privileges',
  ask: 'May this role create what is needed?',
  async answer({ server, tables }) {
    const { role, database, may_create } = await server()
    const grants: string[] = []
    if (!may_create) grants.push(`GRANT CREATE ON DATABASE ${ident(database)} TO ${ident(role)}`)
    for (const { schema, owner, is_owner, may_create: may } of await tables()) {
      if (!is_owner) grants.push(`GRANT ${ident(owner)} TO ${ident(role)}`)
      else if (!may) grants.push(`GRANT CREATE ON SCHEMA ${ident(schema)} TO ${ident(role)}`)
    }
    if (grants.length === 0) return yes(`${role} may`)
    const foreign = (await tables()).filter(({ is_owner }) => !is_owner).map(shown)
    return no(
      `${role} may not${foreign.length > 0 ? `: others own ${foreign.join(', ')}` : ''}`,
      bySql(...new Set(grants)),
    )
  },
}

export const clientTools: Question = {
  id: 'client_tools',
  ask: 'Are pg_dump and pg_restore here as new as the server?',
  answer({ session }) {
    try {
      const found = (['pg_dump', 'pg_restore'] as const).map((name) =>
        findClientTool(name, session.serverVersion),
      )
      return yes(found.map(({ path, version: number }) => `${path} ${number}`).join(', '))
    } catch (error) {
      if (!(error instanceof DwhError && error.code === 'TOOL_MISSING')) throw error
      return no(error.message.replace(/; nothing was changed$/, ''), advice(error.hint ?? ''))
    }
  },
}
