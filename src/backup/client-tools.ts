import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { DwhError } from '../errors.ts'
import { usualPlaces } from '../postgres/server/binaries.ts'
import { howToInstall } from '../postgres/server/install.ts'

/** A client program that can read the server. */
export interface ClientTool {
  name: 'pg_dump' | 'pg_restore' | 'pg_repack'
  path: string
  /** `15.18` */
  version: string
}

/**
 * Finds a client program that is as new as the server or newer, where server programs are looked for too.
 *
 * @param serverVersion as in server_version_num
 * @throws DwhError TOOL_MISSING
 */
export function findClientTool(name: ClientTool['name'], serverVersion: number): ClientTool {
  const major = Math.floor(serverVersion / 10_000)
  let newest: ClientTool | undefined
  for (const { folder } of usualPlaces()) {
    const path = join(folder, name)
    const { stdout } = spawnSync(path, ['--version'], { encoding: 'utf8' })
    const [, version] = /(\d+(?:\.\d+|\w+)?)/.exec(stdout ?? '') ?? []
    if (version === undefined) continue
    if (Number.parseInt(version, 10) >= major) return { name, path, version }
    newest ??= { name, path, version }
  }
  const found = newest ? `only ${name} ${newest.version} is installed here` : `${name} is not installed here`
  throw new DwhError('TOOL_MISSING', `${found}, and the server is PostgreSQL ${major}; nothing was changed`, {
    hint: `${howToInstall('client', major)}; see: dwh doctor`,
  })
}
