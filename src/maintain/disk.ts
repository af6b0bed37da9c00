import { statfs } from 'node:fs/promises'

/** Bytes; undefined where this process may not look, or the folder is inside a container. */
export async function freeOn(folder: string): Promise<number | undefined> {
  try {
    const { bavail, bsize } = await statfs(folder)
    return bavail * bsize
  } catch {
    return undefined
  }
}
