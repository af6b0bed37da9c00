import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Target } from '../../src/postgres/target.ts'

/**
 * A pgbouncer before a database, held with `await using`; undefined where the machine has none.
 *
 * @param settings further lines of its pgbouncer.ini
 */
export async function pgbouncer(
  target: Target,
  mode: 'session' | 'transaction' | 'statement',
  settings = '',
) {
  if (spawnSync('pgbouncer', ['--version']).status !== 0) return undefined
  const folder = mkdtempSync(join(tmpdir(), 'pgbouncer-'))
  chmodSync(folder, 0o777)
  const port = await freePort()
  writeFileSync(join(folder, 'users.txt'), `"${target.user}" ""\n`, { mode: 0o644 })
  writeFileSync(
    join(folder, 'pgbouncer.ini'),
    `[databases]
${target.database} = host=${target.host} port=${target.port} dbname=${target.database} user=${target.user}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
auth_file = ${folder}/users.txt
pool_mode = ${mode}
default_pool_size = 20
${settings}
`,
    { mode: 0o644 },
  )
  // It does not run as root, and the socket of the server is its user's alone.
  const { uid, gid } = statSync(target.host)
  const child = spawn('pgbouncer', [join(folder, 'pgbouncer.ini')], { stdio: 'ignore', uid, gid })
  const ended = once(child, 'exit')
  while (!(await answers(port))) {
    if (child.exitCode !== null) throw new Error(`pgbouncer ended with ${child.exitCode}`)
    await sleep(20)
  }
  return {
    target: { ...target, host: '127.0.0.1', port } as Target,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGINT')
      const killing = setTimeout(() => child.kill('SIGKILL'), 3000)
      await ended
      clearTimeout(killing)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function freePort(): Promise<number> {
  const listener = createServer().listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port } = listener.address() as { port: number }
  await new Promise((closed) => listener.close(closed))
  return port
}

async function answers(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
