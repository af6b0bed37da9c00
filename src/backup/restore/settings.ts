import { ident, literal } from '../../postgres/identifiers.ts'
import type { Session } from '../../postgres/session.ts'
import { sql } from '../../postgres/sql-files.ts'
import type { Manifest } from '../manifest.ts'

type Described = Manifest['database']

/**
 * CREATE DATABASE for one like that of a backup, under another name.
 *
 * @param serverVersion of the server that makes it, as in server_version_num
 */
export function createStatement(
  name: string,
  database: Described,
  serverVersion: number,
  tablespace?: string,
): string {
  const { encoding, collate, ctype, locale_provider: provider, locale } = database
  const own =
    provider !== 'libc' && locale !== null
      ? `${provider === 'icu' ? 'ICU' : 'BUILTIN'}_LOCALE ${literal(locale)}`
      : ''
  return [
    `CREATE DATABASE ${ident(name)} TEMPLATE template0 ENCODING ${literal(encoding)}`,
    `LC_COLLATE ${literal(collate)} LC_CTYPE ${literal(ctype)}`,
    ...(serverVersion >= 150_000 ? [`LOCALE_PROVIDER ${provider}`] : []),
    ...(own ? [own] : []),
    ...(tablespace ? [`TABLESPACE ${ident(tablespace)}`] : []),
  ].join(' ')
}

/**
 * Gives a database what belongs to it and is in no archive of pg_dump: owner, comment, limit, privileges, settings. Last,
 * because a setting such as default_transaction_read_only would be in the way before.
 */
export async function applySettings(session: Session, name: string, database: Described): Promise<void> {
  for (const statement of await settingStatements(session, name, database)) await session.run(statement)
}

async function settingStatements(session: Session, name: string, database: Described): Promise<string[]> {
  const { owner, comment, connection_limit: limit, privileges, settings } = database
  const what = `DATABASE ${ident(name)}`
  const statements = [`ALTER ${what} OWNER TO ${ident(owner)}`, `ALTER ${what} CONNECTION LIMIT ${limit}`]
  if (comment !== null) statements.push(`COMMENT ON ${what} IS ${literal(comment)}`)
  if (privileges !== null) {
    const grants = await session.rows<{ grantee: string | null; privilege: string; is_grantable: boolean }>(
      sql('restore/privileges'),
      [privileges],
    )
    statements.push(`REVOKE ALL ON ${what} FROM PUBLIC, ${ident(owner)}`)
    for (const { grantee, privilege, is_grantable } of grants) {
      const whom = grantee === null ? 'PUBLIC' : ident(grantee)
      statements.push(`GRANT ${privilege} ON ${what} TO ${whom}${is_grantable ? ' WITH GRANT OPTION' : ''}`)
    }
  }
  for (const { role, setting } of settings) {
    const whose = role === null ? what : `ROLE ${ident(role)} IN ${what}`
    const at = setting.indexOf('=')
    statements.push(`ALTER ${whose} SET ${settingValue(setting.slice(0, at), setting.slice(at + 1))}`)
  }
  return statements
}

/** The settings whose value is kept as a list of quoted names: as one literal it would be one name. */
const lists = ['local_preload_libraries', 'search_path', 'session_preload_libraries', 'temp_tablespaces']

function settingValue(name: string, value: string): string {
  // Of an extension, its two parts.
  const quoted = name.split('.').map(ident).join('.')
  if (!lists.includes(name.toLowerCase())) return `${quoted} TO ${literal(value)}`
  const names = [...value.matchAll(/"((?:[^"]|"")*)"|[^,\s]+/g)].map(
    ([bare, inner]) => inner?.replaceAll('""', '"') ?? bare,
  )
  return `${quoted} TO ${names.length > 0 ? names.map(literal).join(', ') : "''"}`
}
