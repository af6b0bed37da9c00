import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { dwh } from '../support/cli.ts'
import { databaseTemplate, freshDatabase } from '../support/database.ts'
import { server, servers } from '../support/servers.ts'
import { targetEnvironment } from '../support/warehouse.ts'
import { plainSales, salesWarehouse } from './fixture.ts'

describe('the backup of setup', () => {
  const template = databaseTemplate(server, plainSales)

  test('holds every file with its hash, and pg_restore brings the table back', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    using warehouse = salesWarehouse()
    const at = warehouse.at(database.target)
    expect(await dwh(['setup', '--yes', '--jobs', '2'], at)).toMatchObject({ code: 0 })
    const [name, ...others] = readdirSync(join(warehouse.folder, 'backups'))
    expect(others).toEqual([])
    const folder = join(warehouse.folder, 'backups', name as string)
    const manifest = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8'))
    expect(manifest).toMatchObject({ format: 'dwh-backup/1', tables: ['"public"."sales"'] })
    expect(readdirSync(folder).toSorted()).toEqual(
      [...Object.keys(manifest.files), 'manifest.json'].toSorted(),
    )
    for (const [file, { bytes, sha256 }] of Object.entries<{ bytes: number; sha256: string }>(
      manifest.files,
    )) {
      const content = readFileSync(join(folder, file))
      expect([content.length, createHash('sha256').update(content).digest('hex')]).toEqual([bytes, sha256])
    }
    await using restored = await freshDatabase(server)
    execFileSync('pg_restore', ['-d', restored.name, folder], {
      env: { ...process.env, ...targetEnvironment(restored.target) },
    })
    await using one = await database.open()
    await using other = await restored.open()
    const rows = 'SELECT * FROM public.sales ORDER BY id'
    expect(await other.rows(rows)).toEqual(await one.rows(rows))
  })

  test('killed within, it leaves nothing that could be taken for one, and the next run clears the rest', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    using warehouse = salesWarehouse()
    const at = warehouse.at(database.target)
    const backups = join(warehouse.folder, 'backups')
    mkdirSync(join(backups, 'setup-something-2024.partial'), { recursive: true })
    expect(
      await dwh(['setup', '--yes'], { ...at, killAt: { type: 'step', step: 'backup', state: 'started' } }),
    ).toMatchObject({ signal: 'SIGKILL' })
    expect(await dwh(['setup', '--yes'], at)).toMatchObject({ code: 0 })
    const left = readdirSync(backups)
    expect(left).toHaveLength(1)
    expect(existsSync(join(backups, left[0] as string, 'manifest.json'))).toBe(true)
  })

  test('fails as a whole when pg_dump does, and setup with it', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    using warehouse = salesWarehouse()
    const { cwd, env } = warehouse.at(database.target)
    // A pg_dump that writes half a file and breaks, in front of the real one.
    const bin = join(warehouse.folder, 'bin')
    mkdirSync(bin)
    for (const program of ['initdb', 'postgres']) writeFileSync(join(bin, program), '')
    writeFileSync(
      join(bin, 'pg_dump'),
      `#!/bin/sh\nif [ "$1" = --version ]; then echo "pg_dump (PostgreSQL) ${server.binaries.version}"; exit; fi\n` +
        // biome-ignore lint/suspicious/noTemplateCurlyInString: a variable of sh
        'for word; do case $word in --file=*) mkdir "${word#--file=}"; echo half > "${word#--file=}/1.dat.gz";; esac; done\n' +
        'echo "pg_dump: error: No space left on device" >&2; exit 1\n',
    )
    chmodSync(join(bin, 'pg_dump'), 0o755)
    const failed = await dwh(['setup', '--yes'], { cwd, env: { ...env, DWH_PG_BIN: bin } })
    expect(failed).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /error DISK_FULL no backup in .*No space left on device; nothing was changed\nhint/,
      ),
    })
    expect(readdirSync(join(warehouse.folder, 'backups'))).toEqual([])
    await using session = await database.open()
    expect(
      await session.rows("SELECT relkind::text FROM pg_class WHERE oid = 'public.sales'::regclass"),
    ).toEqual([{ relkind: 'r' }])
  })

  test('the password is in no command line, environment, log or file', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    const role = `secretive_${database.name}`
    const secret = 'sentinel:\\pass word'
    await session.run(`CREATE ROLE ${role} LOGIN SUPERUSER PASSWORD '${secret}'`)
    try {
      using warehouse = salesWarehouse()
      const { cwd, env } = warehouse.at({ ...database.target, user: role, host: '127.0.0.1' })
      // A pg_dump that tells what it was given, and then does its work.
      const bin = join(warehouse.folder, 'bin')
      mkdirSync(bin)
      const real = join(server.binaries.folder, 'pg_dump')
      writeFileSync(
        join(bin, 'pg_dump'),
        `#!/bin/sh\nif [ "$1" != --version ]; then { echo "$@"; env; } > "${join(warehouse.folder, 'seen')}"; fi\nexec ${real} "$@"\n`,
      )
      chmodSync(join(bin, 'pg_dump'), 0o755)
      const result = await dwh(['setup', '--yes', '--verbose'], {
        cwd,
        env: { ...env, DWH_PG_BIN: bin, PGPASSWORD: secret },
      })
      expect(result).toMatchObject({ code: 0 })
      const [run] = await session.rows<{ log_path: string; words: string[] }>(
        'SELECT log_path, words FROM dwh.runs',
      )
      const seen = readFileSync(join(warehouse.folder, 'seen'), 'utf8')
      expect(seen).toContain('--format=directory')
      for (const text of [
        seen,
        result.stdout,
        result.stderr,
        readFileSync(run?.log_path ?? '', 'utf8'),
        JSON.stringify(run),
      ]) {
        expect(text).not.toContain('sentinel')
      }
      expect(existsSync(/PGPASSFILE=(.*)/.exec(seen)?.[1] ?? '')).toBe(false)
    } finally {
      await session.run(`DROP OWNED BY ${role}; DROP ROLE ${role}`)
    }
  })
})

test('a server newer than every pg_dump here is refused before anything is changed', async () => {
  const [, newer] = servers
  if (!newer) throw new Error('there are two servers')
  await using database = await freshDatabase(newer)
  await using session = await database.open()
  await plainSales(session)
  using warehouse = salesWarehouse()
  const refused = await dwh(['setup', '--yes'], warehouse.at(database.target))
  expect(refused).toMatchObject({
    code: 3,
    stderr: expect.stringMatching(
      /error TOOL_MISSING only pg_dump \d.* is installed here, and the server is PostgreSQL 18; nothing was changed\nhint .*--no-backup/,
    ),
  })
  expect(await session.rows("SELECT to_regnamespace('dwh') AS ledger")).toEqual([{ ledger: null }])
})
