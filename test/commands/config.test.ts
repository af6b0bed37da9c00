import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { packageRoot } from '../../src/package.ts'
import { Folder } from '../warehouse/folder.ts'

interface Ended {
  exit: number
  stdout: string
  stderr: string
}

/** Runs the program in a folder, with the variables given and no others that name a database. */
async function dwh(folder: Folder, words: string[], variables: Record<string, string> = {}): Promise<Ended> {
  const { PATH } = process.env
  const env = { PATH, HOME: folder.path, PGSYSCONFDIR: folder.path, ...variables }
  const bin = join(packageRoot, 'bin', 'dwh.js')
  const { promise, resolve } = Promise.withResolvers<Ended>()
  execFile(process.execPath, [bin, ...words], { cwd: folder.path, env }, (error, stdout, stderr) => {
    resolve({ exit: error ? Number(error.code ?? 1) : 0, stdout, stderr })
  })
  return promise
}

const sentinel = 'correct-horse-battery'

/** The line of a setting, its columns apart. */
function line(text: string, setting: string): string[] {
  return (text.split('\n').find((line) => line.startsWith(`${setting} `)) ?? '').split(/ {2,}/)
}

const file = `name: mine
connections:
  source: { host: db.example.org, database: sales }
datasets:
  measure:
    target: facts.measure
    key: [station, day]
    partition: { key: day, kind: date, grain: month, from: 2020, premake: 3 }
  station: { target: dims.station, key: id }
backup: { folder: /backups }
`

describe('dwh config show', () => {
  it('shows every setting with its origin, defaults as such, and each dataset with its policy', async () => {
    using folder = new Folder({ 'dwh.yaml': file, '.env': 'PGUSER=etl\nSOURCE_DB_USER=reader\n' })
    const { exit, stdout, stderr } = await dwh(folder, ['config', 'show', '--port', '6000'], { PGHOST: 'h1' })
    expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' })
    const origins = [
      ['warehouse', join(folder.path, 'dwh.yaml'), 'found upwards from the current folder'],
      ['name', 'mine', 'dwh.yaml:1'],
      ['migrations', join(folder.path, 'migrations'), 'default'],
      ['backup.folder', '/backups', 'dwh.yaml:10'],
      ['backup.keep.daily', '7', 'default'],
      ['retention.runs', '90 days', 'default'],
      ['connection.host', 'h1', 'PGHOST'],
      ['connection.port', '6000', '--port'],
      ['connection.user', 'etl', 'PGUSER in .env'],
      ['connection.sslmode', 'prefer', 'default'],
      ['connection.password', 'not set'],
      ['connections.source.host', 'db.example.org', 'dwh.yaml:3'],
      ['connections.source.user', 'reader', 'SOURCE_DB_USER in .env'],
      [
        'measure',
        'facts.measure',
        'station, day',
        'month of day (date), from 2020-01-01, premake 3, zone UTC (default), no leaf for unknown keys (default), kept for ever (default)',
      ],
      ['station', 'dims.station', 'id', 'not partitioned'],
    ]
    expect(origins.map(([setting = '']) => line(stdout, setting))).toEqual(origins)
  })

  it.each<[string, Record<string, string>, Record<string, string>]>([
    ['a variable', {}, { PGPASSWORD: sentinel, SOURCE_DB_PASSWORD: sentinel }],
    ['a URL', {}, { DATABASE_URL: `postgres://u:${sentinel}@h/d` }],
    ['.env', { '.env': `DWH_DB_PASSWORD=${sentinel}\nSOURCE_DB_PASSWORD=${sentinel}\n` }, {}],
    ['.pgpass', { '.pgpass': `*:*:*:*:${sentinel}\n` }, {}],
    ['a service', { '.pg_service.conf': `[s]\npassword=${sentinel}\n` }, { PGSERVICE: 's' }],
  ])('never shows a password that came from %s', async (_where, files, variables) => {
    using folder = new Folder({ 'dwh.yaml': file, ...files })
    const [text, json] = await Promise.all([
      dwh(folder, ['config', 'show'], variables),
      dwh(folder, ['config', 'show', '--json', '--verbose', '--debug'], variables),
    ])
    expect([text.exit, json.exit]).toEqual([0, 0])
    expect(text.stdout + text.stderr + json.stdout + json.stderr).not.toContain(sentinel)
    expect(line(text.stdout, 'connection.password')[1]).toBe('********')
  })

  it('prints one document with --json', async () => {
    using folder = new Folder({ 'dwh.yaml': file })
    const { stdout } = await dwh(folder, ['config', 'show', '--json'], { PGPASSWORD: sentinel })
    const { settings, datasets } = JSON.parse(stdout)
    expect(settings).toContainEqual({ name: 'connection.password', value: '********', origin: 'PGPASSWORD' })
    expect(settings).toContainEqual({ name: 'connection.sslcert', value: null, origin: 'not set' })
    expect(datasets).toMatchObject([
      {
        name: 'measure',
        target: 'facts.measure',
        key: ['station', 'day'],
        recency: null,
        partition: { key: ['day'], kind: 'date', grain: 'month', from: '2020-01-01', premake: 3 },
      },
      { name: 'station', partition: null },
    ])
  })

  it('works without a warehouse file, for the connection alone', async () => {
    using folder = new Folder()
    const { exit, stdout, stderr } = await dwh(folder, ['config', 'show'])
    expect(exit).toBe(0)
    expect(line(stdout, 'connection.port')).toEqual(['connection.port', '5432', 'default'])
    expect(stdout).not.toContain('backup')
    expect(stderr).toContain('no warehouse file')
  })

  it('spells out what would move the cursor', async () => {
    using folder = new Folder()
    const { stdout } = await dwh(folder, ['config', 'show', '--database', 'a\nb\u001b[2J'])
    expect(line(stdout, 'connection.database')).toEqual([
      'connection.database',
      'a\\x0ab\\x1b[2J',
      '--database',
    ])
  })

  it('ends with 3 where a setting is wrong', async () => {
    using folder = new Folder()
    const { exit, stdout, stderr } = await dwh(folder, ['config', 'show'], { PGPORT: '99999' })
    expect({ exit, stdout }).toEqual({ exit: 3, stdout: '' })
    expect(stderr).toContain('CONFIG_INVALID port "99999" (PGPORT): expected a port from 1 to 65535')
  })

  it('ends with 3 where a warehouse is named that does not exist', async () => {
    using folder = new Folder({ 'dwh.yaml': file })
    const { exit, stderr } = await dwh(folder, ['-w', 'sigetti', 'config', 'show'])
    expect(exit).toBe(3)
    expect(stderr).toContain('did you mean sigeti?')
  })
})

describe('dwh config validate', () => {
  it('says in one line what is in a file that is right', async () => {
    using folder = new Folder({ 'dwh.yaml': file })
    expect(await dwh(folder, ['config', 'validate'])).toEqual({
      exit: 0,
      stdout: 'dwh.yaml is valid: 2 datasets, 1 source connection, 0 scheduled jobs\n',
      stderr: '',
    })
    const json = await dwh(folder, ['config', 'validate', '--json'])
    expect(JSON.parse(json.stdout)).toEqual({
      path: join(folder.path, 'dwh.yaml'),
      valid: true,
      mistakes: [],
    })
  })

  it('tells every mistake with file, line and column, and ends with 3', async () => {
    using folder = new Folder({ 'dwh.yaml': 'name: mine\nconnection:\n  hots: x\n  port: 0\n' })
    const { exit, stdout, stderr } = await dwh(folder, ['config', 'validate'])
    expect({ exit, stdout }).toEqual({ exit: 3, stdout: '' })
    expect(stderr.split('\n')).toEqual([
      'error CONFIG_INVALID 2 mistakes in dwh.yaml',
      '  dwh.yaml:3:3  connection.hots: unknown key; did you mean host?',
      '  dwh.yaml:4:9  connection.port: found 0, expected a number from 1 on',
      'hint  nothing was done; correct the file and type: dwh config validate',
      '',
    ])
    const json = await dwh(folder, ['config', 'validate', '--json'])
    expect(json.exit).toBe(3)
    expect(JSON.parse(json.stdout)).toMatchObject({
      valid: false,
      mistakes: [
        { line: 3, column: 3, path: 'connection.hots', message: 'unknown key; did you mean host?' },
        { line: 4, column: 9, path: 'connection.port' },
      ],
    })
  })

  it('ends with 3 where there is no file', async () => {
    using folder = new Folder()
    const { exit, stderr } = await dwh(folder, ['config', 'validate'])
    expect(exit).toBe(3)
    expect(stderr).toContain('CONFIG_MISSING')
  })

  it.each(['sigeti', 'flights', 'weatherinsight'])('%s, which ships, is right', async (name) => {
    using folder = new Folder()
    expect((await dwh(folder, ['-w', name, 'config', 'validate'])).exit).toBe(0)
  })
})
