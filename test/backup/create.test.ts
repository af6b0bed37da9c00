import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { compressions } from '../../src/backup/compress.ts'
import { countObjects, describeDatabase } from '../../src/backup/describe.ts'
import { BackupFolder } from '../../src/backup/folder.ts'
import { proveTables } from '../../src/backup/prove.ts'
import { tablesScope, wholeDatabase } from '../../src/backup/scope.ts'
import { Snapshot } from '../../src/backup/snapshot.ts'
import { verifyBackup } from '../../src/backup/verify.ts'
import { packageRoot } from '../../src/package.ts'
import { planUnseal, unsealLeaves } from '../../src/partitions/unseal.ts'
import { seal } from '../partitions/sealing.ts'
import { databaseTemplate, freshDatabase } from '../support/database.ts'
import { server, servers } from '../support/servers.ts'
import { targetEnvironment } from '../support/warehouse.ts'
import { quietWork } from '../support/work.ts'
import {
  backUp,
  backupsFolder,
  hostile,
  hostileTables,
  provedNow,
  provedThen,
  sales,
  warehouse,
} from './fixture.ts'

describe('a backup', () => {
  const template = databaseTemplate(server, warehouse)

  test('says what it holds, whatever the names and the compression', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    await hostileTables(session)
    // What an extension keeps of its user: pg_dump takes it as the extension says.
    await session.run(`
      CREATE TABLE public.kept AS SELECT n FROM generate_series(1, 3) AS n;
      CREATE TABLE public.left_out (n int);
      ALTER EXTENSION plpgsql ADD TABLE public.kept; ALTER EXTENSION plpgsql ADD TABLE public.left_out;
      UPDATE pg_extension SET extconfig = ARRAY['public.kept'::regclass::oid], extcondition = '{WHERE n > 1}' WHERE extname = 'plpgsql';
      SELECT lo_from_bytea(0, 'a large object')`)
    using backups = backupsFolder()
    for (const compression of compressions) {
      const { name, path, manifest } = await backUp(session, backups.path, { compression })
      const { folder, backup } = await BackupFolder.find(backups.path, undefined)
      expect(backup).toEqual({ name, path, manifest })
      expect(await verifyBackup(folder, quietWork(), name)).toMatchObject({ damages: [] })
      execFileSync('sha256sum', ['--check', '--quiet', 'SHA256SUMS'], { cwd: path })
      const proved = manifest.tables.filter(({ unproved }) => unproved === null)
      expect(provedThen(proved)).toEqual(await provedNow(session, proved))
      expect(manifest.tables.filter((table) => !proved.includes(table))).toMatchObject([
        {
          name: 'kept',
          rows: compression === 'gzip' ? null : 2,
          hash_1: null,
          unproved: expect.stringMatching(/extension plpgsql/),
        },
      ])
      expect(manifest.tables.map((table) => table.name)).toEqual(expect.arrayContaining([...hostile, 'bare']))
    }
    const { manifest } = (await BackupFolder.find(backups.path, undefined)).backup
    expect(manifest).toMatchObject({
      run: null,
      scope: { kind: 'database' },
      server: { version: session.serverVersion, system_identifier: expect.stringMatching(/^\d+$/) },
      database: { name: database.name, owner: 'postgres', encoding: 'UTF8', locale_provider: 'libc' },
      ledger: { last_run: null, last_load: null },
      migrations: readdirSync(join(packageRoot, 'migrations', 'dwh')).map((file) => ({
        folder: 'dwh',
        name: file.replace(/\.sql$/, ''),
      })),
      needs: { roles: ['postgres'], extensions: [], tablespaces: [] },
      objects: { 'partitioned tables': 1, 'materialized views': 1, schemas: 2, 'large objects': 1 },
    })
    expect(manifest.tables.find((table) => table.name === 'sales_2024_02')).toMatchObject({
      parent: { schema: 'public', name: 'sales', bound: `FOR VALUES FROM ('2024-02-01') TO ('2024-03-01')` },
      columns: ['id', 'd', 'client', 'amount', 'note'],
      rows: 1450,
      unproved: null,
      seal: null,
    })
    expect(readdirSync(backups.path).toSorted()).toEqual(
      (await new BackupFolder(backups.path).list()).backups.map(({ name }) => name).toSorted(),
    )
  })

  test('of a table takes its leaves and nothing else, and of one that is not there nothing at all', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    using backups = backupsFolder()
    const { manifest } = await backUp(session, backups.path, { scope: tablesScope([sales.target]), jobs: 1 })
    expect(manifest.tables.map(({ name }) => name).toSorted()).toEqual(
      ['01', '02', '03', '04'].map((month) => `sales_2024_${month}`),
    )
    expect(provedThen(manifest.tables)).toEqual(await provedNow(session, manifest.tables))
    await hostileTables(session)
    const odd = hostile.map((name, index) => ({
      schema: index % 2 ? 'public' : (hostile[0] as string),
      name,
    }))
    const other = await backUp(session, backups.path, { scope: tablesScope(odd) })
    expect(provedThen(other.manifest.tables).toSorted()).toEqual(
      (await provedNow(session, other.manifest.tables)).toSorted(),
    )
    expect(other.manifest.tables.map(({ name }) => name).toSorted()).toEqual(hostile.toSorted())
    const gone = tablesScope([sales.target, { schema: 'public', name: 'gone' }])
    await expect(backUp(session, backups.path, { scope: gone })).rejects.toMatchObject({
      code: 'TARGET_UNFIT',
    })
  })

  test('refers to sealed leaves, and is restored by the documented recipe without dwh', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    using backups = backupsFolder()
    await seal(session, sales, 'sales_2024_01', 'sales_2024_02')
    const first = await backUp(session, backups.path)
    await seal(session, sales, 'sales_2024_03')
    const second = await backUp(session, backups.path)
    await session.run(`INSERT INTO public.sales (d, client) VALUES ('2024-04-01', 7)`)
    const third = await backUp(session, backups.path)
    const places = (created: typeof first) =>
      Object.fromEntries(created.manifest.tables.map(({ name, file }) => [name, file.archive]))
    expect(places(first)).toMatchObject({ sales_2024_01: `sealed/${first.name}`, sales_2024_03: 'main' })
    expect(places(third)).toMatchObject({
      sales_2024_01: `sealed/${first.name}`,
      sales_2024_02: `sealed/${first.name}`,
      sales_2024_03: `sealed/${second.name}`,
      sales_2024_04: 'main',
      clients: 'main',
    })
    expect(readdirSync(join(backups.path, 'sealed')).toSorted()).toEqual([first.name, second.name])

    await using restored = await freshDatabase(server)
    restoreByRecipe(third.path, restored.target)
    await using other = await restored.open()
    expect(await provedNow(other, third.manifest.tables)).toEqual(provedThen(third.manifest.tables))
    expect(await countObjects(other, { kind: 'database' })).toEqual(third.manifest.objects)
    expect(await other.one('SELECT count(*) FROM public.by_month')).toEqual({ count: 4 })
  })

  test('dumps again what is not sealed as it was, or not in the same database, or has lost its file', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    using backups = backupsFolder()
    await seal(session, sales, 'sales_2024_01', 'sales_2024_02', 'sales_2024_03', 'sales_2024_04')
    const first = await backUp(session, backups.path)
    // Unsealed, changed and sealed again; void; its file gone.
    await unsealLeaves(session, quietWork(), await planUnseal(session, sales, ['sales_2024_01']))
    await session.run(`DELETE FROM public.sales WHERE d = '2024-01-05'`)
    await seal(session, sales, 'sales_2024_01')
    await session.run(`ALTER TABLE public.sales DETACH PARTITION public.sales_2024_02;
      ALTER TABLE public.sales ATTACH PARTITION public.sales_2024_02 FOR VALUES FROM ('2024-02-01') TO ('2024-03-01')`)
    const lost = first.manifest.tables.find(({ name }) => name === 'sales_2024_03')?.file.name ?? ''
    rmSync(join(backups.path, 'sealed', first.name, lost))
    const second = await backUp(session, backups.path)
    const place = (name: string) => second.manifest.tables.find((table) => table.name === name)?.file.archive
    expect(['01', '02', '03', '04'].map((month) => place(`sales_2024_${month}`))).toEqual([
      `sealed/${second.name}`,
      'main',
      `sealed/${second.name}`,
      `sealed/${first.name}`,
    ])
    expect(provedThen(second.manifest.tables)).toEqual(await provedNow(session, second.manifest.tables))

    await session[Symbol.asyncDispose]()
    await using clone = await freshDatabase(server, { template: database.name })
    await using other = await clone.open()
    const third = await backUp(other, backups.path)
    expect(
      Object.keys(third.manifest.references).filter((path) => !path.startsWith(`sealed/${third.name}/`)),
    ).toEqual([])
  })
})

test.each(servers)('a snapshot and what is said of the database, on $name', async (server) => {
  await using database = await freshDatabase(server)
  await using session = await database.open()
  await warehouse(session)
  await session.run(
    `ALTER DATABASE ${database.name} SET work_mem = '5MB'; COMMENT ON DATABASE ${database.name} IS 'of a test'`,
  )
  await using snapshot = await Snapshot.take(database.target, quietWork(), wholeDatabase, 'dwh test')
  await session.run("DELETE FROM public.sales WHERE d > '2024-03-01'")
  const leaves = snapshot.tables.filter(({ name }) => name.startsWith('sales_'))
  const proofs = await proveTables(database.target, quietWork(), snapshot.id, leaves, 'dwh test', () => {})
  expect([...proofs.values()].reduce((sum, { rows }) => sum + rows, 0)).toBe(6000)
  const oids = snapshot.tables.map(({ oid }) => oid)
  expect(await describeDatabase(snapshot.session, wholeDatabase, oids)).toMatchObject({
    database: {
      name: database.name,
      locale_provider: session.serverVersion >= 180_000 ? 'builtin' : 'libc',
      comment: 'of a test',
      privileges: null,
      settings: [{ role: null, setting: 'work_mem=5MB' }],
    },
    objects: {
      'partitioned tables': 1,
      tables: snapshot.tables.filter(({ is_partitioned }) => !is_partitioned).length,
    },
  })
})

/** The script of docs/backup.md, as it stands there. */
function restoreByRecipe(backup: string, target: Parameters<typeof targetEnvironment>[0]): void {
  const page = readFileSync(join(packageRoot, 'docs', 'backup.md'), 'utf8')
  const [, script = ''] = /^## Restore without dwh$.*?^```sh\n(.*?)^```$/ms.exec(page) ?? []
  const copy = join(backup, '..', '..', `copy-${target.database}`)
  mkdirSync(copy)
  try {
    const commands = script.replace(/^createdb .*$/m, '').replaceAll('shop_restored', target.database)
    expect(commands.match(/pg_restore/g)).toHaveLength(4)
    const env = {
      ...process.env,
      ...targetEnvironment(target),
      BACKUP: backup,
      COPY: copy,
      PATH: withZstd(copy),
    }
    execFileSync('sh', ['-eu', '-c', commands], { env })
  } finally {
    rmSync(copy, { recursive: true })
  }
}

/** A PATH on which there is a zstd: Node's, where the machine has none. */
function withZstd(folder: string): string {
  const path = process.env.PATH ?? ''
  if (path.split(delimiter).some((one) => existsSync(join(one, 'zstd')))) return path
  const script = `#!${process.execPath}
const { readFileSync, rmSync, writeFileSync } = require('node:fs')
for (const file of process.argv.slice(2).filter((word) => !word.startsWith('--'))) {
  writeFileSync(file.replace(/\\.zst$/, ''), require('node:zlib').zstdDecompressSync(readFileSync(file)))
  rmSync(file)
}\n`
  mkdirSync(join(folder, 'bin'))
  writeFileSync(join(folder, 'bin', 'zstd'), script)
  chmodSync(join(folder, 'bin', 'zstd'), 0o755)
  return `${join(folder, 'bin')}${delimiter}${path}`
}
