import { appendFileSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { FolderLock } from '../../src/backup/folder-lock.ts'
import { plainSales, salesWarehouse } from '../setup/fixture.ts'
import { dwh, dwhDone } from '../support/cli.ts'
import { freshDatabase } from '../support/database.ts'
import { server } from '../support/servers.ts'

const says = (pattern: RegExp) => expect.stringMatching(pattern)

describe('dwh backup', () => {
  test('makes, lists, verifies and prunes; only making needs the server', async () => {
    await using database = await freshDatabase(server)
    await using session = await database.open()
    await plainSales(session)
    using warehouse = salesWarehouse()
    const at = warehouse.at(database.target)
    const backups = join(warehouse.folder, 'backups')
    const without = { ...at, env: { ...at.env, PGPORT: '1' } }

    const planned = await dwhDone(['backup', 'create', 'sales', '--dry-run', '--json'], at)
    expect(JSON.parse(planned.stdout)).toMatchObject({
      folder: backups,
      name: database.name,
      scope: { kind: 'tables', tables: ['"public"."sales"'] },
      jobs: 2,
      compression: 'zstd',
      tables: 1,
      shared: { tables: 0, bytes: 0 },
    })
    expect(readdirSync(warehouse.folder)).not.toContain('backups')
    expect(await dwh(['backup', 'create', 'sales'], at)).toMatchObject({
      code: 2,
      stderr: says(/NEEDS_CONFIRMATION/),
    })

    const made = JSON.parse((await dwhDone(['backup', 'create', '--yes', '--json'], at)).stdout)
    expect(made).toMatchObject({
      backup: says(new RegExp(`^${database.name}-20`)),
      scope: { kind: 'database' },
      tables: 1,
      rows: 5000,
      shared_bytes: 0,
      unproved: [],
    })
    // Nothing is changed in a database that has no ledger.
    expect(await session.rows("SELECT to_regnamespace('dwh') AS ledger")).toEqual([{ ledger: null }])

    const listed = await dwhDone(['backup', 'list', '--json'], without)
    expect(JSON.parse(listed.stdout)).toMatchObject({
      folder: backups,
      backups: [
        {
          backup: made.backup,
          database: database.name,
          bytes: made.bytes,
          rows: 5000,
          proved: false,
          last_drill: null,
        },
      ],
      damaged: [],
      failed: [],
    })
    expect(await dwhDone(['backup', 'verify', made.path], { env: { PGPORT: '1' } })).toMatchObject({
      stderr: says(/✓ verify .* files, .*, as they were/),
    })
    expect(await dwhDone(['backup', 'prune'], without)).toMatchObject({ stderr: says(/nothing to do/) })

    appendFileSync(join(made.path, 'main', 'toc.dat'), 'x')
    const verified = await dwh(['backup', 'verify', '--json'], without)
    expect(verified).toMatchObject({ code: 4, stderr: says(/error CHECK_FAILED 1 damage in/) })
    expect(JSON.parse(verified.stdout)).toMatchObject([
      { backup: made.backup, damages: [{ file: `${made.backup}/main/toc.dat`, kind: 'longer' }] },
    ])
  })

  test('refuses a second writer, a folder it cannot make, and a backup that is not there', async () => {
    await using database = await freshDatabase(server)
    using warehouse = salesWarehouse()
    const at = warehouse.at(database.target)
    const backups = join(warehouse.folder, 'backups')
    mkdirSync(backups)
    {
      await using _ = await FolderLock.take(backups, 'dwh backup prune', null)
      expect(await dwh(['backup', 'create', '--yes'], at)).toMatchObject({
        code: 6,
        stderr: says(/error LOCK_HELD the folder of backups is at work already: dwh backup prune, process/),
      })
    }
    expect(await dwh(['backup', 'verify', 'else'], at)).toMatchObject({
      code: 2,
      stderr: says(/error USAGE there is no backup "else"/),
    })
    writeFileSync(join(warehouse.folder, 'file'), '')
    expect(await dwh(['backup', 'create', '--yes', '--folder', 'file/in'], at)).toMatchObject({
      code: 1,
      stderr: says(/error BACKUP_FAILED no backup in .*file\/in: .*; nothing was changed/),
    })
    // A server that cannot be reached is a backup that was not made.
    const without = { ...at, env: { ...at.env, PGPORT: '1' } }
    expect(await dwh(['backup', 'create', '--yes'], without)).toMatchObject({ code: 3 })
    expect(await dwh(['backup', 'prune', '--yes'], at)).toMatchObject({
      code: 4,
      stderr: says(/nothing is removed after a failure: .*SERVER_UNREACHABLE/),
    })
  })
})
