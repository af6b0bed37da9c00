import { chmodSync, chownSync, globSync, mkdirSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deleteFolder, serverFolder } from '../../src/postgres/server/folder.ts'
import { stopServer } from '../../src/postgres/server/server.ts'
import { initialised } from './own-server.ts'
import { server } from './servers.ts'
import { quietWork } from './work.ts'

/** A folder to work in and a state folder of its own: for `dwh dev`, which keeps one server for each folder. */
export interface Place extends AsyncDisposable {
  /** Has a space in its name, as a user's may. */
  cwd: string
  /** The folders of servers made from here, and what their making may have left. */
  servers(): string[]
  /** Makes the data of its server, which is never started yet: for tests that are not about its making. */
  initialised(): Promise<void>
  env: { DWH_STATE_DIR: string }
}

/** Every server made from here is stopped and deleted when the block is left. */
export function place(owner?: { uid: number; gid: number }): Place {
  const root = mkdtempSync(join(tmpdir(), 'p-'))
  const cwd = join(root, 'my warehouse')
  const state = join(root, 's')
  for (const folder of [cwd, state]) mkdirSync(folder)
  for (const folder of [root, cwd, state]) {
    chmodSync(folder, 0o755)
    if (owner) chownSync(folder, owner.uid, owner.gid)
  }
  const servers = () => globSync(join(state, 'servers', '*'))
  return {
    cwd,
    servers,
    initialised: () => initialised(folderOf(cwd, state), server.binaries),
    env: { DWH_STATE_DIR: state },
    [Symbol.asyncDispose]: async () => {
      for (const folder of servers()) await stopServer(folder, quietWork(), 'immediate')
      await deleteFolder(root)
    },
  }
}

/** The folder of the server that serves `cwd`, in another state folder than that of the tests. */
function folderOf(cwd: string, state: string): string {
  const { DWH_STATE_DIR } = process.env
  process.env.DWH_STATE_DIR = state
  try {
    return serverFolder(cwd)
  } finally {
    process.env.DWH_STATE_DIR = DWH_STATE_DIR
  }
}
