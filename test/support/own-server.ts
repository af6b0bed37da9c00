import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, renameSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { inject } from 'vitest'
import { serverAccount } from '../../src/postgres/server/account.ts'
import type { Binaries } from '../../src/postgres/server/binaries.ts'
import { deleteFolder } from '../../src/postgres/server/folder.ts'
import { initialise } from '../../src/postgres/server/initialise.ts'
import { runnableBy } from '../../src/postgres/server/runnable.ts'
import { socketTarget } from '../../src/postgres/server/running.ts'
import { startServer, stopServer } from '../../src/postgres/server/server.ts'
import type { Settings } from '../../src/postgres/server/settings.ts'
import { throwAway } from '../../src/postgres/server/temporary.ts'
import type { Target } from '../../src/postgres/target.ts'
import { quietWork } from './work.ts'

/** A server of one test, which it may stop and start again; held with `await using`: stopped and deleted at the end. */
export interface OwnServer extends AsyncDisposable {
  folder: string
  target: Target
}

/** As TemporaryServer.start of the sources, without the second of processor time that initdb takes. */
export async function ownServer(binaries: Binaries, more: Settings = {}): Promise<OwnServer> {
  const temporary = mkdtempSync(join(tmpdir(), 'own-'))
  // For the server's user, where we are root.
  chmodSync(temporary, 0o711)
  const folder = join(temporary, 'server')
  await initialised(folder, binaries)
  const { port } = await startServer(folder, quietWork(), { binaries, settings: { ...throwAway, ...more } })
  return {
    folder,
    target: socketTarget(folder, port),
    [Symbol.asyncDispose]: async () => {
      await stopServer(folder, quietWork(), 'immediate')
      await deleteFolder(temporary)
    },
  }
}

const copy = promisify(execFile)

/**
 * Makes the folder of a server that was never started: a copy of the one that the run has initialised for all. Of two at
 * once the second finds the first's.
 */
export async function initialised(folder: string, binaries: Binaries): Promise<void> {
  if (existsSync(folder)) return
  const model = join(inject('runFolder'), 'initialised', String(binaries.major))
  if (!existsSync(model)) {
    const account = serverAccount(model)
    await initialise(model, runnableBy(account, binaries), account, quietWork(), false)
  }
  mkdirSync(dirname(folder), { recursive: true })
  const partial = `${folder}.${randomBytes(3).toString('hex')}`
  await copy('cp', ['-a', model, partial])
  try {
    renameSync(partial, folder)
  } catch {
    await deleteFolder(partial)
  }
}
