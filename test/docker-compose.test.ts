import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { packageRoot } from '../src/package.ts'

const file = join(packageRoot, 'docker-compose.yml')
const { services } = parse(readFileSync(file, 'utf8'))

/** The old program and the new one, whichever is here. */
const programs = [['docker-compose'], ['docker', 'compose']]
const program = programs.find(
  ([name = '', ...words]) => spawnSync(name, [...words, 'version'], { stdio: 'ignore' }).status === 0,
)
if (!program) process.stderr.write('skipped: neither docker-compose nor docker compose is installed here\n')

/** In a folder of its own, where no .env of this clone is read. */
function compose(words: string[], variables: Record<string, string>) {
  const folder = mkdtempSync(join(tmpdir(), 'compose-'))
  try {
    copyFileSync(file, join(folder, 'docker-compose.yml'))
    const [name = '', ...first] = program ?? []
    const env = { PATH: process.env.PATH, ...variables }
    const { status, stdout, stderr } = spawnSync(name, [...first, ...words], {
      cwd: folder,
      env,
      encoding: 'utf8',
    })
    return { status, stdout, stderr }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

describe.skipIf(!program)('docker-compose config', () => {
  test('accepts the file', () => {
    expect(compose(['--profile', 'schedule', 'config', '--quiet'], { DWH_DB_PASSWORD: 'x' })).toMatchObject({
      status: 0,
    })
  })

  test('asks for the password, which stands nowhere in the file', () => {
    const { status, stderr } = compose(['config', '--quiet'], {})
    expect(status).not.toBe(0)
    expect(stderr).toContain('write DWH_DB_PASSWORD=… into the file .env')
  })
})

test('PostgreSQL 17 has checksums, LZ4, a health check and a volume', () => {
  expect(services.postgresql).toMatchObject({
    image: 'postgres:17',
    command: expect.arrayContaining(['default_toast_compression=lz4']),
    environment: { POSTGRES_INITDB_ARGS: expect.stringContaining('--data-checksums') },
    healthcheck: { test: expect.arrayContaining(['pg_isready']) },
    volumes: ['data:/var/lib/postgresql/data'],
  })
})

test('dwh is not root, waits for the server, and runs the schedule where that is asked for', () => {
  expect(services.dwh).toMatchObject({
    user: 'node',
    ...{ profiles: ['schedule'], command: ['schedule', 'run'] },
    depends_on: { postgresql: { condition: 'service_healthy' } },
  })
  expect(readFileSync(join(packageRoot, 'Dockerfile'), 'utf8')).toMatch(/^USER node$/m)
})
