import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'

/** A port that clones do not share and that the system gives to no client: below 32768. */
export function firstPort(folder: string): number {
  return 5433 + (createHash('sha256').update(folder).digest().readUInt32BE() % 4000)
}

/** The first port from `preferred` on that nobody listens on. Another may still take it before the server does. */
export async function freePort(preferred: number): Promise<number> {
  const server = createServer()
  try {
    await once(server.listen({ port: preferred, host: '127.0.0.1', exclusive: true }), 'listening')
    return preferred
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    return freePort(preferred + 1)
  } finally {
    server.close()
  }
}
