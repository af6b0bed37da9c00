import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { packageRoot, packageVersion } from '../src/package.ts'
import { freshDatabase } from './support/database.ts'
import { server } from './support/servers.ts'
import { targetEnvironment } from './support/warehouse.ts'

/** Of one packing and one installation, for all tests of this file. */
let folder: string
let packed: string[]

/** As in a terminal of somebody who has never seen the clone; the Node.js of the tests comes first. */
const env = {
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(npm_|INIT_CWD$)/i.test(name))),
  PATH: [dirname(process.execPath), process.env.PATH].join(delimiter),
}

const home = () => join(folder, 'home')

function npm(cwd: string, ...words: string[]): string {
  const quiet = ['--loglevel=error', '--no-audit', '--no-fund', '--no-update-notifier']
  // npm caches what it compiled in the temporary folder.
  const options = { cwd, env: { ...env, TMPDIR: folder }, encoding: 'utf8', stdio: 'pipe' } as const
  return execFileSync('npm', [...words, ...quiet], options)
}

/** Runs the installed program. */
function dwh(words: string[], variables: Record<string, string> = {}) {
  const bin = join(home(), 'node_modules', '.bin', 'dwh')
  const options = { cwd: home(), env: { ...env, ...variables }, encoding: 'utf8' } as const
  const { status, stdout, stderr } = spawnSync(bin, words, options)
  return { status, stdout, stderr }
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'package-'))
  mkdirSync(home())
  const [{ filename, files }] = JSON.parse(npm(packageRoot, 'pack', '--json', `--pack-destination=${folder}`))
  packed = files.map(({ path }: { path: string }) => path)
  npm(home(), 'install', '--prefer-offline', join(folder, filename))
}, 300_000)

afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('the tarball', () => {
  test('holds what the program needs and what people read, and nothing else', () => {
    const tops = new Set(packed.map((path) => path.split('/')[0]))
    expect([...tops].toSorted()).toEqual([
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'bin',
      'dist',
      'docs',
      'migrations',
      'package.json',
      'sql',
      'warehouses',
    ])
    expect(
      packed.filter((path) => path.startsWith('warehouses/') && !/^warehouses\/\w+\.yaml$/.test(path)),
    ).toEqual([])
    expect(packed).toContain('dist/bin.js')
    expect(packed).toContain('sql/dwh/ledger/start_run.sql')
  })

  test('needs nothing that is for development', () => {
    const { devDependencies } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8'))
    const installed = Object.keys(devDependencies).filter((name) =>
      existsSync(join(home(), 'node_modules', name)),
    )
    expect(installed).toEqual([])
  })
})

describe('installed into an empty folder', () => {
  test('it runs by npx', () => {
    expect(npm(home(), 'exec', '--offline', '--', 'dwh', '--version')).toBe(`${packageVersion}\n`)
  })

  test('it helps', () => {
    expect(dwh(['--help'])).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^ {2}setup /m),
      stderr: '',
    })
  })

  test('the warehouses that ship are valid', () => {
    for (const name of ['sigeti', 'flights', 'weatherinsight'])
      expect(dwh(['-w', name, 'config', 'validate'])).toMatchObject({ status: 0, stderr: '' })
  })

  test('an empty database becomes a warehouse: migrations in TypeScript load below node_modules', async () => {
    await using database = await freshDatabase(server)
    const there = targetEnvironment(database.target)
    const made = dwh(['-w', 'sigeti', 'setup', '--yes', '--no-backup'], there)
    expect(made).toMatchObject({ status: 0, stdout: expect.stringContaining('fait_attributions') })
    const { status, stdout } = dwh(['-w', 'sigeti', 'partitions', 'list', '--json'], there)
    const leaves = JSON.parse(stdout).flatMap(({ leaves }: { leaves: unknown[] }) => leaves)
    expect([status, leaves.length]).toEqual([0, 22])
    expect(dwh(['-w', 'sigeti', 'migrate', 'verify'], there).status).toBe(0)
  })

  test('a Node.js too old is told in one line', () => {
    const older = "Object.defineProperty(process,'versions',{value:{...process.versions,node:'20.11.0'}})"
    const options = `--import=data:text/javascript,${encodeURIComponent(older)}`
    expect(dwh(['--version'], { NODE_OPTIONS: options })).toEqual({
      status: 3,
      stdout: '',
      stderr:
        'dwh: needs Node.js 22.18 or newer, this is 20.11.0; install a newer one from https://nodejs.org\n',
    })
  })
})
