import {
  chmodSync,
  existsSync,
  globSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { BackupFolder } from '../../src/backup/folder.ts'
import { verifyBackup } from '../../src/backup/verify.ts'
import { oidOf } from '../../src/postgres/relations.ts'
import { proofColumns } from '../../src/proof/columns.ts'
import { proveRelation } from '../../src/proof/hash.ts'
import { dwh } from '../support/cli.ts'
import { databaseTemplate, freshDatabase } from '../support/database.ts'
import { server, servers } from '../support/servers.ts'
import { quietWork } from '../support/work.ts'
import { plainSales, sales, salesWarehouse } from './fixture.ts'

describe('the backup of setup', () => {
  const template = databaseTemplate(server, plainSales)

  test('holds what is converted, proved, and its name stands in the ledger; what a killed one left is cleared', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    using warehouse = salesWarehouse()
    const at = warehouse.at(database.target)
    const backups = join(warehouse.folder, 'backups')
    expect(
      await dwh(['setup', '--yes'], {
        ...at,
        killAt: { type: 'step', step: 'dump and proof', state: 'started' },
      }),
    ).toMatchObject({ signal: 'SIGKILL' })
    expect(readdirSync(backups).filter((name) => existsSync(join(backups, name, 'manifest.json')))).toEqual(
      [],
    )
    expect(await dwh(['setup', '--yes', '--jobs', '2'], at)).toMatchObject({ code: 0 })
    const [name, ...others] = readdirSync(backups)
    expect(others).toEqual([])
    const { folder, backup } = await BackupFolder.find(backups, name)
    expect(await verifyBackup(folder, quietWork(), backup.name)).toMatchObject({ damages: [] })
    await using session = await database.open()
    const columns = await proofColumns(session, await oidOf(session, sales))
    const proof = await proveRelation(session, columns, 'public.sales')
    expect(backup.manifest).toMatchObject({
      backup: expect.stringMatching(`^setup-${database.name}-`),
      run: 2,
      scope: { kind: 'tables', tables: ['"public"."sales"'] },
      tables: [
        { name: 'sales', parent: null, rows: 5000, hash_1: `${proof.hash1}`, hash_2: `${proof.hash2}` },
      ],
    })
    expect(await session.rows('SELECT backup FROM dwh.conversions')).toEqual([{ backup: backup.path }])
  })

  test('fails as a whole when pg_dump does, and setup with it', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    using warehouse = salesWarehouse()
    const { cwd, env } = warehouse.at(database.target)
    // A pg_dump that writes half a file and breaks, in front of the real one.
    const bin = join(warehouse.folder, 'bin')
    mkdirSync(bin)
    symlinkSync(join(server.binaries.folder, 'pg_restore'), join(bin, 'pg_restore'))
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
    expect(readdirSync(join(warehouse.folder, 'backups'))).toEqual(['failed'])
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
      symlinkSync(join(server.binaries.folder, 'pg_restore'), join(bin, 'pg_restore'))
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
        ...globSync(join(warehouse.folder, 'backups', '*', '{manifest.json,SHA256SUMS}')).map((file) =>
          readFileSync(file, 'utf8'),
        ),
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
