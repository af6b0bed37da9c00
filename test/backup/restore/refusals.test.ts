import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { examineServer, findRestoreTool, isSafe, requireRoom } from '../../../src/backup/restore/preflight.ts'
import { ident } from '../../../src/postgres/identifiers.ts'
import { databaseTemplate, freshRole } from '../../support/database.ts'
import { server } from '../../support/servers.ts'
import { dumped, forge, restore, restoreSite, richDatabase, type Site } from './fixture.ts'

const template = databaseTemplate(server, richDatabase)

/** A file of a table that holds rows. */
const dataFile = ({ folder, backup, manifest }: Site) => {
  const table = manifest.tables.find(({ name }) => name === 'facts_2023')
  return join(folder, backup, 'main', table?.file.name ?? '')
}

describe('before anything is made', () => {
  test('damaged files are found, and the others that stand in the way', async () => {
    await using owner = await freshRole(server, 'owner')
    await using site = await restoreSite({
      template: template.name,
      prepare: (session) => session.run(`ALTER TABLE public.nothing OWNER TO ${ident(owner.name)}`),
    })
    const alone = [site.name]
    expect(await restore(site, ['--into', site.name])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/there is a database .* already; nothing was made/),
    })
    expect(await restore(site, ['--tablespace', 'nowhere'])).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('error RESTORE_UNFIT there is no tablespace "nowhere"'),
    })
    {
      await using session = await site.open()
      await session.run(
        `ALTER TABLE public.nothing OWNER TO CURRENT_USER; ALTER ROLE ${ident(owner.name)} RENAME TO gone_${owner.name}`,
      )
    }
    const missing = await restore(site)
    {
      await using session = await site.open()
      await session.run(`ALTER ROLE gone_${owner.name} RENAME TO ${ident(owner.name)}`)
    }
    expect(missing).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(new RegExp(`RESTORE_UNFIT .*: role ${owner.name}; nothing was made`)),
    })

    const file = dataFile(site)
    const bytes = readFileSync(file)
    bytes.writeUInt8(bytes.readUInt8(1000) ^ 16, 1000)
    writeFileSync(file, bytes)
    expect(await restore(site)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /error INPUT_BROKEN .* is damaged: .*\.dat\.zst: its SHA-256 is another one; nothing was made/,
      ),
    })
    expect(await site.databases()).toEqual(alone)
  })

  test('an archive of another server is kept from a pg_restore with a known hole', async () => {
    await using site = await restoreSite({ template: template.name })
    await forge(site, (manifest) => {
      manifest.server.system_identifier = '1'
    })
    await using session = await server.open()
    const facts = await examineServer(session, site.manifest)
    const other = { ...site.manifest, server: { ...site.manifest.server, system_identifier: '1' } }
    const own = findRestoreTool(site.manifest, facts, false)
    expect(findRestoreTool(other, facts, true)).toEqual(own)
    if (isSafe(own.version)) return expect(findRestoreTool(other, facts, false)).toEqual(own)
    expect(await restore(site)).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(
        /error TOOL_UNSAFE .*CVE-2026-116314.*; nothing was made\nhint .* to \d+\.\d+; .*--trust/,
      ),
    })
    expect(await restore(site, ['--trust', '--dry-run'])).toMatchObject({ code: 0 })
  })

  test('all that a server lacks is told at once', async () => {
    await using site = await restoreSite({ template: template.name })
    await using session = await server.open()
    const { needs, database, ...rest } = site.manifest
    const wanting = {
      ...rest,
      needs: {
        roles: ["no'body"],
        extensions: [{ name: 'nonesuch', version: '1' }],
        tablespaces: ['nowhere', 'pg_default'],
      },
      database: {
        ...database,
        encoding: 'EBCDIC',
        collate: 'tlh_KX.utf8',
        settings: [{ role: 'nobody else', setting: 'a=b' }],
      },
    }
    expect(needs).toMatchObject({ extensions: [], tablespaces: [] })
    await expect(examineServer(session, wanting)).rejects.toMatchObject({
      code: 'RESTORE_UNFIT',
      message: expect.stringContaining(
        "collation tlh_KX.utf8; encoding EBCDIC; extension nonesuch; role no'body; role nobody else; tablespace nowhere; nothing was made",
      ),
    })
    const bytes = site.manifest.tables.reduce((sum, table) => sum + table.bytes, 0)
    expect(requireRoom(site.manifest, null)).toBe(bytes)
    expect(() => requireRoom(site.manifest, bytes / 3)).toThrow(
      /MB are needed on the disk of the server, and \d+ MB are free/,
    )
  })

  test.each([
    ['15.19', false],
    ['15.20', true],
    ['14.24', false],
    ['16.16', true],
    ['17.11', false],
    ['18.7', true],
    ['19.0', true],
    ['13.23', false],
    ['18beta1', false],
  ])('pg_restore %s is safe: %s', (version, safe) => expect(isSafe(version)).toBe(safe))
})

test('some tables of a database are not exchanged for all of it, but restored beside', async () => {
  await using site = await restoreSite({
    template: template.name,
    backup: { scope: { kind: 'tables', tables: ['"public"."things"'] } },
  })
  expect(await restore(site)).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/error USAGE .* holds some tables .*all else would be gone\nhint .*--into/),
  })
})

test('what differs from the backup is not exchanged, and kept to look at', async () => {
  await using site = await restoreSite({ template: template.name })
  const before = dumped(site, site.name)
  await forge(site, ({ tables }) => {
    for (const table of tables) if (table.name === 'facts_2023') table.hash_1 = '1'
  })
  const result = await restore(site)
  expect(result).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(
      /error PROOF_FAILED what was restored is not what is in .*: public\.facts_2023 has other values; .* is as it was, what is done so far is kept in .*\nhint .*--anew/,
    ),
  })
  expect(dumped(site, site.name)).toBe(before)
  expect(await site.databases()).toHaveLength(2)
  await forge(site, ({ tables }) => {
    for (const table of tables) if (table.name === 'facts_2023') table.rows = 7
  })
  const cut = await restore(site, ['--anew'])
  expect(cut).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(
      /error INPUT_BROKEN .* rows of public\.facts_2023, and the manifest says 7/,
    ),
  })
  expect(dumped(site, site.name)).toBe(before)
  expect(await site.databases()).toHaveLength(2)
})
