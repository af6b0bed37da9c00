import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { BackupFolder } from '../../src/backup/folder.ts'
import { type Manifest, writeManifest } from '../../src/backup/manifest.ts'
import { planPrune, prune } from '../../src/backup/prune.ts'
import { everyFault } from '../support/faults.ts'
import { fc } from '../support/random.ts'
import { quietWork } from '../support/work.ts'
import { backupsFolder } from './fixture.ts'

const digest = { bytes: 1, sha256: '0'.repeat(64) }

/** The manifest of a backup of that time, which refers to some packs. */
function manifest(name: string, at: string, packs: string[], database = 'shop'): Manifest {
  return {
    format: 'dwh-backup/2',
    backup: name,
    made_at: at,
    seconds: 1,
    dwh_version: '0',
    tool_version: '15',
    run: null,
    server: { version: 150_000, system_identifier: '1' },
    database: {
      oid: 1,
      name: database,
      owner: 'o',
      encoding: 'UTF8',
      collate: 'C',
      ctype: 'C',
      locale_provider: 'libc',
      locale: null,
      collation_version: null,
      comment: null,
      connection_limit: -1,
      privileges: null,
      settings: [],
    },
    scope: { kind: 'database' },
    snapshot: { at, lsn: null },
    migrations: [],
    ledger: null,
    needs: { roles: [], extensions: [], tablespaces: [] },
    objects: {},
    proof: { algorithm: 'a', vectors: 'v' },
    compression: 'none',
    tables: [],
    files: {},
    references: Object.fromEntries(packs.map((pack) => [`sealed/${pack}/1.dat`, digest])),
  }
}

const nameAt = (at: string, series = 'shop') => `${series}-${at.replaceAll(':', '-')}`

/** Puts a backup into a folder, with the packs that it refers to. */
async function put(folder: string, at: string, packs: string[] = [], series = 'shop'): Promise<string> {
  const name = nameAt(at, series)
  mkdirSync(join(folder, name), { recursive: true })
  for (const pack of packs) write(folder, `sealed/${pack}/1.dat`, 'x')
  await writeManifest(join(folder, name), manifest(name, at, packs, series))
  return name
}

function write(folder: string, path: string, content: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true })
  writeFileSync(join(folder, path), content)
}

async function reasons(folder: string, keep: { daily: number; weekly: number; monthly: number }) {
  const { backups } = await planPrune(new BackupFolder(folder), keep)
  return Object.fromEntries(backups.map(({ backup, reasons }) => [backup.name.slice(5), reasons.join(' ')]))
}

describe('prune', () => {
  test('keeps the newest of each day, week and month that has one, by series', async () => {
    using backups = backupsFolder()
    for (const at of ['2026-09-30', '2026-10-31', '2026-11-01', '2026-11-15', '2026-11-16', '2026-11-21'])
      await put(backups.path, `${at}T03:00:00Z`)
    await put(backups.path, '2026-11-22T03:00:00Z')
    await put(backups.path, '2026-11-22T09:00:00Z')
    await put(backups.path, '2020-01-01T00:00:00Z', [], 'else')
    expect(await reasons(backups.path, { daily: 2, weekly: 2, monthly: 3 })).toEqual({
      '2026-11-22T09-00-00Z': 'newest daily weekly monthly',
      '2026-11-22T03-00-00Z': '',
      '2026-11-21T03-00-00Z': 'daily',
      '2026-11-16T03-00-00Z': '',
      '2026-11-15T03-00-00Z': 'weekly',
      '2026-11-01T03-00-00Z': '',
      '2026-10-31T03-00-00Z': 'monthly',
      '2026-09-30T03-00-00Z': 'monthly',
      '2020-01-01T00-00-00Z': 'newest daily weekly monthly',
    })
  })

  test('never goes after a failure, nor takes what was proved last or is in use', async () => {
    using backups = backupsFolder()
    const [oldest, old, proved, used] = [
      await put(backups.path, '2026-11-01T00:00:00Z'),
      await put(backups.path, '2026-11-02T00:00:00Z'),
      await put(backups.path, '2026-11-03T00:00:00Z'),
      await put(backups.path, '2026-11-04T00:00:00Z'),
      await put(backups.path, '2026-11-05T00:00:00Z'),
    ]
    const none = { daily: 0, weekly: 0, monthly: 0 }
    write(backups.path, `drills/${old}/1.json`, '{"at": "2026-11-02T01:00:00Z", "ok": true}')
    write(backups.path, `drills/${proved}/1.json`, '{"at": "2026-11-03T01:00:00Z", "ok": true}')
    write(backups.path, `drills/${used}/1.json`, '{"at": "2026-11-04T01:00:00Z", "ok": false}')
    write(backups.path, 'restores/1.json', JSON.stringify({ backup: used }))
    write(
      backups.path,
      'restores/2.json',
      JSON.stringify({ backup: oldest, ended_at: '2026-11-02T00:00:00Z' }),
    )
    expect(await reasons(backups.path, none)).toEqual({
      '2026-11-05T00-00-00Z': 'newest',
      '2026-11-04T00-00-00Z': 'in use',
      '2026-11-03T00-00-00Z': 'last proved',
      '2026-11-02T00-00-00Z': '',
      '2026-11-01T00-00-00Z': '',
    })
    const folder = new BackupFolder(backups.path)
    const partial = `${nameAt('2026-11-06T00:00:00Z')}.partial`
    mkdirSync(join(backups.path, partial))
    await expect(prune(folder, quietWork(), none)).rejects.toMatchObject({
      code: 'CHECK_FAILED',
      message: expect.stringMatching(
        /nothing is removed after a failure: shop-2026-11-06T00-00-00Z .*KILLED/,
      ),
    })
    expect(existsSync(join(backups.path, partial))).toBe(false)
    expect((await folder.list()).backups).toHaveLength(5)
    // A backup of another series does not make it good.
    await put(backups.path, '2026-11-07T00:00:00Z', [], 'else')
    await expect(planPrune(folder, none)).rejects.toMatchObject({ code: 'CHECK_FAILED' })
    await put(backups.path, '2026-11-08T00:00:00Z')
    expect(await prune(folder, quietWork(), none)).toMatchObject({
      backups: ['shop-2026-11-05T00-00-00Z', old, oldest],
    })
    write(backups.path, 'restores/3.json', 'half')
    await expect(planPrune(folder, none)).rejects.toMatchObject({ code: 'INPUT_BROKEN' })
  })

  test('never breaks a reference, whatever refers to what', async () => {
    const day = fc.integer({ min: 1, max: 28 })
    const pack = fc.constantFrom('a', 'b', 'c', 'd')
    const some = fc.uniqueArray(fc.record({ day, packs: fc.uniqueArray(pack) }), {
      minLength: 1,
      maxLength: 8,
      selector: (one) => one.day,
    })
    const keep = fc.record({ daily: fc.nat(3), weekly: fc.nat(2), monthly: fc.nat(1) })
    await fc.assert(
      fc.asyncProperty(some, keep, fc.boolean(), async (list, keep, isDamaged) => {
        using backups = backupsFolder()
        for (const one of list)
          await put(backups.path, `2026-11-${String(one.day).padStart(2, '0')}T00:00:00Z`, one.packs)
        if (isDamaged) write(backups.path, 'shop-2026-11-30T00-00-00Z/manifest.json', '{')
        const folder = new BackupFolder(backups.path)
        const before = readdirSync(join(backups.path)).includes('sealed')
          ? readdirSync(join(backups.path, 'sealed'))
          : []
        const { backups: gone } = await prune(folder, quietWork(), keep)
        const left = (await folder.list()).backups
        expect(left.length).toBeGreaterThan(0)
        expect(left.length + gone.length).toBe(list.length)
        const wanted = left.flatMap(({ manifest }) => Object.keys(manifest.references))
        for (const path of wanted) expect(existsSync(join(backups.path, path))).toBe(true)
        const packs = existsSync(join(backups.path, 'sealed'))
          ? readdirSync(join(backups.path, 'sealed'))
          : []
        // What a damaged manifest refers to, nobody knows.
        const expected = isDamaged ? before : [...new Set(wanted.map((path) => path.split('/')[1]))]
        expect(packs.toSorted()).toEqual(expected.toSorted())
      }),
      { numRuns: everyFault ? 500 : 20 },
    )
  })
})
