import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect, createServer, type Server } from 'node:net'
import type { Target } from '../../src/postgres/target.ts'

/**
 * A proxy in front of a real server that changes nothing but the version it reports: what dwh does with a PostgreSQL that
 * nobody has installed any more.
 *
 * @param version as long as the real one, such as 13.18 for 15.18
 */
export async function reportingVersion(
  target: Target,
  version: string,
): Promise<{ target: Target } & AsyncDisposable> {
  const server: Server = createServer((client) => {
    const upstream = connect(`${target.host}/.s.PGSQL.${target.port}`)
    client.pipe(upstream)
    upstream.on('data', (chunk: Buffer) => {
      const marker = Buffer.from('server_version\0')
      const at = chunk.indexOf(marker)
      if (at >= 0) chunk.write(version, at + marker.length)
      client.write(chunk)
    })
    upstream.on('close', () => client.destroy())
    client.on('close', () => upstream.destroy())
    for (const socket of [client, upstream]) socket.on('error', () => {})
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    target: { ...target, host: '127.0.0.1', port, sslmode: 'disable' },
    [Symbol.asyncDispose]: async () => void server.close(),
  }
}
