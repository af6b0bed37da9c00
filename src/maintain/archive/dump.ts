import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { runTool } from '../../backup/client.ts'
import { findClientTool } from '../../backup/client-tools.ts'
import { DwhError } from '../../errors.ts'
import type { Work } from '../../events.ts'
import { type RelationName, relation } from '../../postgres/identifiers.ts'
import type { Session } from '../../postgres/session.ts'
import { CopyScript, qualified } from './copy-script.ts'

/** Milliseconds that pg_dump may stand in a lock queue: the leaf itself is held already. */
const lockWait = 20_000

/**
 * Writes a leaf with its definition as one file of pg_dump. To be called in a transaction, whose snapshot its rows are of.
 *
 * @returns the version of pg_dump, which pg_restore must not be older than
 * @throws DwhError TOOL_MISSING, DISK_FULL, FAILED
 */
export async function writeDump(
  session: Session,
  work: Work,
  leaf: RelationName,
  path: string,
): Promise<string> {
  const tool = findClientTool('pg_dump', session.serverVersion)
  const { snapshot } = await session.one<{ snapshot: string }>('SELECT pg_export_snapshot() AS snapshot')
  const words = [
    '--format=custom',
    `--file=${path}`,
    `--snapshot=${snapshot}`,
    `--lock-wait-timeout=${lockWait}`,
    '--encoding=UTF8',
    // Roles of this server may be none of that which it is read on one day.
    '--no-owner',
    '--no-privileges',
    `--table=${relation(leaf)}`,
  ]
  await runTool(tool, words, { target: session.target, signal: work.signal, failure: 'FAILED' })
  return tool.version
}

/**
 * Creates the table of a dump under another name: its columns with their defaults, compression and CHECKs; no index.
 *
 * @throws DwhError INPUT_BROKEN
 */
export async function restoreTable(
  session: Session,
  work: Work,
  path: string,
  version: string,
  table: RelationName,
): Promise<void> {
  const tool = restoreTool(version)
  const run = { signal: work.signal, failure: 'INPUT_BROKEN' } as const
  const words = ['--file=-', '--section=pre-data', '--no-comments', path]
  const { stdout } = await runTool(tool, words, run)
  const [, own] = new RegExp(`^CREATE (?:UNLOGGED )?TABLE (${qualified}) \\($`, 'm').exec(stdout) ?? []
  if (own === undefined) throw new DwhError('INPUT_BROKEN', `${path} has no table`)
  // Each entry stands behind a comment that names it.
  const entries = stdout.split(/^--\n-- (?=Name: .*; Type: )/m)
  const definition = entries.find((entry) => /^Name: .*; Type: TABLE; /.test(entry)) ?? ''
  const statements = definition.slice(definition.search(/^(?:CREATE|ALTER) /m))
  const tail = statements.search(/^--\n-- PostgreSQL database dump complete$/m)
  const renamed = statements
    .slice(0, tail < 0 ? undefined : tail)
    .replace(
      new RegExp(`^((?:CREATE (?:UNLOGGED )?|ALTER )TABLE (?:ONLY )?)(${qualified})(?=[ ;])`, 'gm'),
      (all, verb, of) => (of === own ? verb + relation(table) : all),
    )
    .replace(/^\\(?:un)?restrict .*$/gm, '')
  await session.run(renamed)
}

/**
 * Reads the rows of a dump into a table with columns of the same names.
 *
 * @throws DwhError INPUT_BROKEN
 */
export async function readDump(
  session: Session,
  work: Work,
  path: string,
  version: string,
  table: RelationName,
): Promise<number> {
  const tool = restoreTool(version)
  const child = spawn(tool.path, ['--file=-', '--data-only', path], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH, LC_ALL: 'C' },
    signal: work.signal,
  })
  let complaints = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaints = (complaints + text).slice(-4000)
  })
  const ended = once(child, 'close')
  ended.catch(() => {})
  const script = new CopyScript(child.stdout)
  try {
    const columns = await script.columns()
    const rows =
      columns === undefined
        ? 0
        : await session.copyIn(
            `COPY ${relation(table)} ${columns} FROM STDIN (ENCODING 'UTF8')`,
            script.rows(),
          )
    const [code] = await ended
    if (code !== 0) throw new Error(`pg_restore ended with ${code}`)
    return rows
  } catch (error) {
    work.signal.throwIfAborted()
    if (error instanceof DwhError) throw error
    const why = complaints.trim() || (error as Error).message
    throw new DwhError('INPUT_BROKEN', `${path} cannot be read: ${why}`, { cause: error })
  } finally {
    child.kill('SIGKILL')
  }
}

/** @param version of the pg_dump that wrote it: no older pg_restore reads it */
function restoreTool(version: string) {
  return findClientTool('pg_restore', Number.parseInt(version, 10) * 10_000)
}
