import { statfs } from 'node:fs/promises'
import type { Session } from './session.ts'
import { sql } from './sql-files.ts'

/** The disk that the server keeps its data on, in bytes. */
export interface Disk {
  folder: string
  total: number
  free: number
}

/** Undefined where the server is on another machine or in a container, or this role may not know its folder. */
export async function serverDisk(session: Session): Promise<Disk | undefined> {
  const { local, folder } = await session.one<{ local: boolean; folder: string | null }>(
    sql('monitor/data_folder'),
  )
  if (!local || folder === null) return undefined
  const disk = await statfs(folder).catch(() => undefined)
  if (!disk || disk.blocks === 0) return undefined
  return { folder, total: disk.blocks * disk.bsize, free: disk.bavail * disk.bsize }
}
