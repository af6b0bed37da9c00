import { spawnSync } from 'node:child_process'
import { chownSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freshDatabase } from './database.ts'
import { server } from './servers.ts'

/** A folder on a disk of that size, such as `16m`; undefined where nobody may mount one. */
export function smallFolder(size: string): ({ folder: string } & Disposable) | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'small-disk-'))
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', folder]).status !== 0) {
    rmSync(folder, { recursive: true })
    return undefined
  }
  return {
    folder,
    [Symbol.dispose]: () => {
      spawnSync('umount', [folder])
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** A database with a tablespace of 16 MB in `folder`; undefined where nobody may mount one. */
export async function smallDisk() {
  const disk = smallFolder('16m')
  if (!disk) return undefined
  const { folder } = disk
  const database = await freshDatabase(server)
  const session = await database.open()
  // The user of the server owns the folder of its socket.
  const { uid, gid } = statSync(database.target.host)
  chownSync(folder, uid, gid)
  const tablespace = `small_${database.name}`
  await session.run(`CREATE TABLESPACE ${tablespace} LOCATION '${folder}'`)
  return {
    folder,
    session,
    tablespace,
    target: database.target,
    [Symbol.asyncDispose]: async () => {
      await session[Symbol.asyncDispose]()
      await database[Symbol.asyncDispose]()
      await using other = await server.open()
      await other.run('CHECKPOINT')
      await other.run(`DROP TABLESPACE ${tablespace}`)
      disk[Symbol.dispose]()
    },
  }
}
