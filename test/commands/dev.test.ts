import { execFileSync, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, globSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { packageRoot } from '../../src/package.ts'
import { postmaster } from '../../src/postgres/server/postmaster.ts'
import { dwh, startDwh } from '../support/cli.ts'
import { everyFault } from '../support/faults.ts'
import { type Place, place } from '../support/place.ts'
import { server, servers } from '../support/servers.ts'

const { version } = server.binaries
const like = (pattern: string | RegExp) => expect.stringMatching(pattern)

test('start, status, url, psql, stop and reset do what they say, twice as well as once', async () => {
  await using here = place()
  expect(await dwh(['dev', 'status'], here)).toMatchObject({ code: 3, stdout: like(/^state +missing$/m) })

  const started = await dwh(['dev', 'start'], here)
  expect(started).toMatchObject({ code: 0, stdout: '' })
  expect(started.stderr).toMatch(/✓ initialise .*✓ start .*\nrunning: postgresql:\/\/\//s)
  expect(await dwh(['dev', 'start'], here)).toMatchObject({ code: 0, stderr: like(/^already running: /) })

  const status = await dwh(['dev', 'status', '--json'], here)
  const { pid, url, ...facts } = JSON.parse(status.stdout)
  expect(status.code).toBe(0)
  expect(facts).toMatchObject({ state: 'ready', postgresql: version, compression: 'lz4' })
  expect(await dwh(['dev', 'url'], here)).toMatchObject({ code: 0, stdout: `${url}\n`, stderr: '' })
  expect(execFileSync('psql', [url, '-AtXc', 'SELECT 42'], { encoding: 'utf8' })).toBe('42\n')

  expect(await dwh(['dev', 'stop'], here)).toMatchObject({ code: 0, stderr: 'stopped\n' })
  expect(await dwh(['dev', 'stop'], here)).toMatchObject({ code: 0, stderr: 'not running\n' })
  expect(await dwh(['dev', 'status'], here)).toMatchObject({ code: 3, stdout: like(/^state +stopped$/m) })
  expect(await dwh(['dev', 'url'], here)).toMatchObject({
    code: 3,
    stdout: '',
    stderr: like('dwh dev start'),
  })
  expect(existsSync(`/proc/${pid}`)).toBe(false)

  const asked = like(/NEEDS_CONFIRMATION.*--yes/s)
  expect(await dwh(['dev', 'reset'], here)).toMatchObject({ code: 2, stderr: asked })
  const dry = await dwh(['dev', 'reset', '--dry-run'], here)
  expect(dry).toMatchObject({ code: 0, stderr: like('nothing was deleted') })
  expect(here.servers()).toHaveLength(1)
  expect(await dwh(['dev', 'reset', '--yes'], here)).toMatchObject({ code: 0, stderr: like(/deleted\n$/) })
  expect(await dwh(['dev', 'reset', '--yes'], here)).toMatchObject({
    code: 0,
    stderr: like('nothing to delete'),
  })
  expect(here.servers()).toEqual([])
})

test('psql gets its words, our standard streams and no password', async () => {
  await using here = place()
  await here.initialised()
  await dwh(['dev', 'start'], here)
  const words = ['dev', 'psql', '--', '-AtX']
  const env = { ...here.env, PGSERVICE: 'elsewhere', PGHOST: '/nowhere' }
  const wide = "SELECT repeat('x', 999) FROM generate_series(1, 3000)"
  expect((await dwh([...words, '-c', wide], { ...here, env })).stdout).toHaveLength(3_000_000)
  const fed = await dwh(words, { ...here, input: 'SELECT current_database(), current_user;\n' })
  expect(fed).toMatchObject({ code: 0, stdout: 'dwh|postgres\n' })
  expect(await dwh([...words, '-c', 'SELECT 1/0'], here)).toMatchObject({
    code: 1,
    stderr: like(/division by zero.*psql ended with 1/s),
  })
})

test('three starts at once make one server, and all succeed', async () => {
  await using here = place()
  const results = await Promise.all([1, 2, 3].map(() => dwh(['dev', 'start'], here)))
  expect(results.map(({ code }) => code)).toEqual([0, 0, 0])
  const processes = results.map(({ stderr }) => /\(process (\d+)\)/.exec(stderr)?.[1])
  expect(new Set(processes).size).toBe(1)
  expect(here.servers()).toHaveLength(1)
})

describe('killed with -9', () => {
  const steps = [`initialise PostgreSQL ${version}`, `start PostgreSQL ${version}`]
  const boundaries = steps.flatMap((step) => [
    { type: 'step', step, state: 'started' } as const,
    { type: 'step', step, state: 'done' } as const,
  ])

  // The two in the middle: data that nothing has started yet, and a start that nobody ended.
  const sample = everyFault ? boundaries : boundaries.slice(1, 3)

  test.each(sample)('when "$step" is $state, the next start ends the same', async (killAt) => {
    await using here = place()
    expect(await dwh(['dev', 'start'], { ...here, killAt })).toMatchObject({ code: null, signal: 'SIGKILL' })
    const survived = killAt === boundaries.at(-1)
    expect(here.servers().map(postmaster).filter(Boolean)).toHaveLength(survived ? 1 : 0)

    const again = await dwh(['dev', 'start'], here)
    expect(again).toMatchObject({ code: 0, stderr: like(survived ? /^already running/ : /^running/m) })
    expect(here.servers()).toHaveLength(1)
    await proveWhole(here)
  })

  test('in the middle of initdb, the next start clears what is there', async () => {
    await using here = place()
    const child = startDwh(['dev', 'start'], here)
    const closed = once(child, 'close')
    while (globSync(join(here.env.DWH_STATE_DIR, 'servers', '*', 'data', 'base', '*')).length === 0)
      await sleep(5)
    child.kill('SIGKILL')
    await closed
    expect(here.servers()).toEqual([like(/\.partial$/)])

    expect(await dwh(['dev', 'start'], here)).toMatchObject({ code: 0 })
    expect(here.servers()).toEqual([like(/warehouse-\w{8}$/)])
    await proveWhole(here)
  })
})

describe('said plainly', () => {
  test('that the npm package is without LZ4', async () => {
    await using here = place()
    const env = { ...here.env, DWH_PG_BIN: servers[1]?.binaries.folder }
    expect(await dwh(['dev', 'start'], { ...here, env })).toMatchObject({
      code: 0,
      stderr: like(/^! PostgreSQL 18.* without LZ4: pglz/m),
    })
    expect(await dwh(['dev', 'status'], here)).toMatchObject({ stdout: like(/^compression +pglz$/m) })
  })

  test('that there are no server programs where DWH_PG_BIN leads, and nothing was made', async () => {
    await using here = place()
    const env = { ...here.env, DWH_PG_BIN: '/nowhere', PATH: '' }
    expect(await dwh(['dev', 'start'], { ...here, env })).toMatchObject({
      code: 3,
      stderr: like(/TOOL_MISSING.*\/nowhere.*hint .*DWH_PG_BIN/s),
    })
    expect(here.servers()).toEqual([])
  })

  test('that the data is of another major version', async () => {
    await using here = place()
    await here.initialised()
    const env = { ...here.env, DWH_PG_BIN: servers[1]?.binaries.folder }
    const { code, stderr } = await dwh(['dev', 'start'], { ...here, env })
    expect(code).toBe(3)
    expect(stderr).toMatch(new RegExp(`PostgreSQL ${server.binaries.major},.* 18\\.`))
    expect(stderr).toMatch(/dwh dev reset/)
    expect(await dwh(['dev', 'start'], here)).toMatchObject({ code: 0 })
  })
})

describe.runIf(process.getuid?.() === 0)('as root', () => {
  /** Its numbers are these on every Linux. */
  const nobody = { uid: 65534, gid: 65534 }

  test('a folder that root alone may enter has a server all the same', async () => {
    await using here = place()
    chmodSync(here.cwd, 0o700)
    expect(await dwh(['dev', 'start'], here)).toMatchObject({ code: 0 })
    expect(here.servers().map((folder) => statSync(folder).uid)).not.toContain(0)
    await proveWhole(here)
  })

  test('a state folder that the server could not enter is refused', async () => {
    await using here = place()
    chmodSync(here.cwd, 0o700)
    const env = { DWH_STATE_DIR: join(here.cwd, 'state') }
    expect(await dwh(['dev', 'start'], { ...here, env })).toMatchObject({
      code: 3,
      stderr: like(/CONFIG_INVALID.*cannot enter.*hint .*DWH_STATE_DIR/s),
    })
    expect(globSync(join(here.cwd, 'state', 'servers', '*'))).toEqual([])
  })

  const canRun = spawnSync(process.execPath, [join(packageRoot, 'bin', 'dwh.js'), '--version'], nobody)
  const reason =
    'an ordinary user cannot read this clone: clone it where everybody may enter to run this test'
  if (canRun.status !== 0) process.stderr.write(`skipped: ${reason}\n`)

  test.skipIf(canRun.status !== 0)('an ordinary user has a server in the home folder', async () => {
    await using here = place(nobody)
    const env = { DWH_STATE_DIR: undefined, XDG_STATE_HOME: undefined, HOME: dirname(here.cwd) }
    const asUser = { cwd: here.cwd, ...nobody, env }
    const state = join(dirname(here.cwd), '.local', 'state', 'dwh')
    try {
      expect(await dwh(['dev', 'start'], asUser)).toMatchObject({ code: 0 })
      const [folder = ''] = globSync(join(state, 'servers', '*'))
      expect(statSync(folder).uid).toBe(nobody.uid)
      const { stdout: url } = await dwh(['dev', 'url'], asUser)
      const query = [url.trim(), '-AtXc', 'SELECT 42']
      expect(execFileSync('psql', query, { ...nobody, encoding: 'utf8' })).toBe('42\n')
    } finally {
      expect(await dwh(['dev', 'reset', '--yes'], asUser)).toMatchObject({ code: 0 })
    }
    expect(globSync(join(state, 'servers', '*'))).toEqual([])
  })

  test("another user's server is told apart from none", async () => {
    await using here = place()
    await here.initialised()
    await dwh(['dev', 'start'], here)
    const asUser = { ...here, ...nobody }
    if (canRun.status === 0 && statSync(here.servers()[0] ?? '').uid !== nobody.uid)
      expect(await dwh(['dev', 'status'], asUser)).toMatchObject({
        code: 3,
        stderr: like('PRIVILEGE_MISSING'),
      })
  })
})

/** The server of a place answers, and its initialisation was not cut short. */
async function proveWhole(here: Place): Promise<void> {
  const query =
    "SELECT count(*) FROM pg_database WHERE datname IN ('dwh', 'postgres', 'template0', 'template1')"
  const { stdout } = await dwh(['dev', 'psql', '--', '-AtXc', query], here)
  expect(stdout).toBe('4\n')
}
