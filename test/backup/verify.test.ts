import {
  appendFileSync,
  copyFileSync,
  cpSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Created } from '../../src/backup/create.ts'
import { BackupFolder } from '../../src/backup/folder.ts'
import { manifestName, sumsName } from '../../src/backup/manifest.ts'
import { verifyBackup } from '../../src/backup/verify.ts'
import { seal } from '../partitions/sealing.ts'
import { freshDatabase } from '../support/database.ts'
import { everyFault } from '../support/faults.ts'
import { fc } from '../support/random.ts'
import { server } from '../support/servers.ts'
import { quietWork } from '../support/work.ts'
import { backUp, backupsFolder, sales, warehouse } from './fixture.ts'

describe('what is wrong with a backup is found', () => {
  const original = backupsFolder()
  const damaged = backupsFolder()
  let made: Created
  const inside = (path: string) => join(damaged.path, path)
  let files: string[]

  beforeAll(async () => {
    await using database = await freshDatabase(server)
    await using session = await database.open()
    await warehouse(session)
    await seal(session, sales, 'sales_2024_01')
    made = await backUp(session, original.path, { compression: 'none' })
    files = [
      ...Object.keys(made.manifest.files).map((file) => `${made.name}/${file}`),
      ...Object.keys(made.manifest.references),
      `${made.name}/${manifestName}`,
      `${made.name}/${sumsName}`,
    ]
    cpSync(original.path, damaged.path, { recursive: true })
  })
  afterAll(() => {
    original[Symbol.dispose]()
    damaged[Symbol.dispose]()
  })

  /** Damages the copy, verifies it, and mends the copy. */
  async function found(damage: () => void, ...touched: string[]) {
    damage()
    const { damages } = await verifyBackup(new BackupFolder(damaged.path), quietWork(), made.name)
    for (const file of touched) {
      rmSync(inside(file), { recursive: true, force: true })
      cpSync(join(original.path, file), inside(file), { recursive: true })
    }
    return damages.map(({ file, kind }) => `${file} ${kind}`)
  }

  test('nothing, where nothing is wrong', async () => {
    expect(await found(() => {})).toEqual([])
  })

  test('a bit that flipped, in every 64 KiB of every file', async () => {
    const regions = files.flatMap((file) => {
      const size = readFileSync(inside(file)).length
      return Array.from({ length: Math.ceil(size / 65_536) }, (_, index) => {
        const start = index * 65_536
        return {
          file,
          at: fc.sample(fc.integer({ min: start, max: Math.min(start + 65_536, size) - 1 }), 1)[0] as number,
        }
      })
    })
    expect(regions.length).toBeGreaterThan(20)
    for (const { file, at } of regions) {
      const content = readFileSync(inside(file))
      content[at] = (content[at] as number) ^ (1 << (at % 8))
      const damages = await found(() => writeFileSync(inside(file), content), file)
      expect({ file, at, damages: damages.length > 0 }).toEqual({ file, at, damages: true })
    }
  }, 300_000)

  test('files that are cut, longer, missing, exchanged, foreign', async () => {
    const [one, other] = made.manifest.tables
      .filter(({ name }) => name.startsWith('sales'))
      .map(({ file }) => `${file.archive === 'main' ? `${made.name}/main` : file.archive}/${file.name}`) as [
      string,
      string,
    ]
    const lines = readFileSync(inside(one), 'latin1').split('\n')
    const half = lines.slice(0, lines.length / 2).join('\n').length + 1
    expect(await found(() => truncateSync(inside(one), half), one)).toEqual([`${one} cut`])
    expect(await found(() => truncateSync(inside(one), 0), one)).toEqual([`${one} cut`])
    expect(await found(() => appendFileSync(inside(one), 'x'), one)).toEqual([`${one} longer`])
    for (const file of everyFault
      ? files
      : (fc.sample(fc.shuffledSubarray(files, { minLength: 3, maxLength: 3 }), 1)[0] ?? [])) {
      const names = await found(() => rmSync(inside(file)), file)
      expect(names[0]).toMatch(new RegExp(`^${file} (missing|edited)`))
    }
    const exchange = () => {
      renameSync(inside(one), inside(`${one}.x`))
      renameSync(inside(other), inside(one))
      renameSync(inside(`${one}.x`), inside(other))
    }
    expect(await found(exchange, one, other)).toHaveLength(2)
    // Of the same size: only the content tells.
    const rows = readFileSync(inside(one))
    expect(await found(() => writeFileSync(inside(one), rows.toReversed()), one)).toEqual([`${one} changed`])
    const foreign = `${made.name}/main/9999.dat`
    expect(await found(() => copyFileSync(inside(one), inside(foreign)))).toEqual([`${foreign} extra`])
    rmSync(inside(foreign))
    expect(await found(() => {})).toEqual([])
  })

  test('a manifest that was edited, whatever of it, and a list of hashes that was', async () => {
    const [manifest, sums] = [`${made.name}/${manifestName}`, `${made.name}/${sumsName}`]
    const edit = (file: string, from: string | RegExp, to: string) => () => {
      const text = readFileSync(inside(file), 'utf8')
      const edited = text.replace(from, to)
      expect(edited).not.toBe(text)
      writeFileSync(inside(file), edited)
    }
    expect(await found(edit(manifest, /"rows": \d+/, '"rows": 1'), manifest)).toEqual([`${manifest} edited`])
    expect(await found(edit(manifest, '{', '['), manifest)).toEqual([
      `${manifest} edited`,
      `${manifest} edited`,
    ])
    expect(await found(edit(manifest, /"main\/toc.dat"/, '"../../../etc/passwd"'), manifest)).toContain(
      `${manifest} edited`,
    )
    expect(await found(edit(manifest, /"sha256": "\w/, '"sha256": "z'), manifest)).toContain(
      `${manifest} edited`,
    )
    expect(await found(edit(sums, /^\w{8}/, '00000000'), sums)).toEqual([`${manifest} edited`])
    expect(await found(edit(sums, /\n\w{8}/, '\n00000000'), sums)).toEqual([`${sums} edited`])
    expect(await found(edit(sums, /.*\n$/, ''), sums)).toEqual([`${sums} edited`])
  })
})
