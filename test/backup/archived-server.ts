import { chmodSync, existsSync, globSync, mkdirSync, mkdtempSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { vi } from 'vitest'
import { findPgBackRest } from '../../src/backup/pgbackrest/program.ts'
import type { Repository } from '../../src/backup/pgbackrest/repository.ts'
import type { DwhError } from '../../src/errors.ts'
import { deleteFolder } from '../../src/postgres/server/folder.ts'
import { stopServer } from '../../src/postgres/server/server.ts'
import { Session } from '../../src/postgres/session.ts'
import { type OwnServer, ownServer } from '../support/own-server.ts'
import { server } from '../support/servers.ts'
import { quietWork } from '../support/work.ts'

/** Why there is no pgBackRest to test with; undefined where there is one. */
export function withoutPgBackRest(): string | undefined {
  try {
    findPgBackRest()
    return undefined
  } catch (error) {
    const { message, hint } = error as DwhError
    return `${message} (${hint})`
  }
}

/** A server of its own whose WAL can be archived, beside a folder that its user may write. */
export class ArchivedServer implements AsyncDisposable {
  readonly place: string
  readonly server: OwnServer
  readonly session: Session
  readonly repository: Repository

  private constructor(place: string, server: OwnServer, session: Session) {
    this.place = place
    this.server = server
    this.session = session
    // With a space, as some folders have.
    const folder = join(place, 'the repository')
    this.repository = { stanza: 'demo', folder, config: join(folder, 'demo.conf'), ours: true }
  }

  static async start(): Promise<ArchivedServer> {
    const place = mkdtempSync(join(tmpdir(), 'archived-'))
    chmodSync(place, 0o755)
    const settings = { archive_mode: 'on', shared_buffers: '64MB', max_prepared_transactions: 2 }
    const started = await ownServer(server.binaries, settings)
    const session = await Session.open(started.target, 'dwh test', quietWork())
    // Each database is three hundred files that are flushed to disk one by one when they are restored.
    await session.run('ALTER DATABASE template0 IS_TEMPLATE false')
    for (const name of ['template0', 'postgres']) await session.run(`DROP DATABASE ${name}`)
    return new ArchivedServer(place, started, session)
  }

  /** The user that the server runs as, where that is not us. */
  get account() {
    const { uid, gid } = statSync(this.server.folder)
    return uid === process.getuid?.() ? {} : { uid, gid }
  }

  /**
   * Puts a program before pgBackRest that notes its words and its environment.
   *
   * @returns the file that they are noted in
   */
  spy(): string {
    const { path } = findPgBackRest()
    const folder = join(this.place, 'bin')
    const notes = join(this.place, 'notes')
    mkdirSync(folder)
    writeFileSync(notes, '')
    chmodSync(notes, 0o666)
    const program = join(folder, 'pgbackrest')
    writeFileSync(program, `#!/bin/sh\n{ echo "$@"; env; } >> '${notes}'\nexec ${path} "$@"\n`)
    chmodSync(program, 0o755)
    vi.stubEnv('PATH', `${folder}${delimiter}${process.env.PATH}`)
    return notes
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.session[Symbol.asyncDispose]()
    // Restored ones that a test which failed did not stop.
    for (const file of globSync(join(this.place, '**', 'data', 'postmaster.pid')))
      await stopServer(join(file, '..', '..'), quietWork(), 'immediate')
    await this.server[Symbol.asyncDispose]()
    if (existsSync(this.place)) await deleteFolder(this.place)
  }
}
