import { existsSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { FolderLock } from '../../src/backup/folder-lock.ts'
import { backupsFolder } from './fixture.ts'

const take = (folder: string) => FolderLock.take(folder, 'dwh test', 7)

test('of many who come at once one gets the folder, the others are told who has it, and the next one gets it after', async () => {
  using backups = backupsFolder()
  const results = await Promise.allSettled(Array.from({ length: 20 }, () => take(backups.path)))
  const got = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
  const refused = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []))
  expect(got).toHaveLength(1)
  expect(new Set(refused.map(({ code }) => code))).toEqual(new Set(['LOCK_HELD']))
  expect(refused[0].message).toMatch(/at work already: dwh test \(run 7\), process \d+ of .*, since 20/)
  await got[0]?.[Symbol.asyncDispose]()
  expect(existsSync(join(backups.path, '.lock'))).toBe(false)
  await using next = await take(backups.path)
  await next.check()
})

test('a lock counts no more when its process is dead here, or after a minute without a sign; its holder notices', async () => {
  using backups = backupsFolder()
  const path = join(backups.path, '.lock')
  const first = await take(backups.path)
  const holder = JSON.parse(readFileSync(path, 'utf8'))
  const old = new Date(Date.now() - 61_000)
  const change = (fields: object, time?: Date) => {
    writeFileSync(path, JSON.stringify({ ...holder, ...fields }))
    if (time) utimesSync(path, time, time)
  }
  // Elsewhere a pid says nothing, and what cannot be read may be somebody who is just writing it.
  for (const fields of [
    { pid: 2 ** 22 + 1, host: 'elsewhere' },
    { pid: 2 ** 22 + 1, pids: 'another container' },
  ]) {
    change(fields)
    await expect(take(backups.path)).rejects.toMatchObject({ code: 'LOCK_HELD' })
  }
  writeFileSync(path, '{')
  await expect(take(backups.path)).rejects.toMatchObject({ code: 'LOCK_HELD' })
  change({ pid: 2 ** 22 + 1 })
  await (await take(backups.path))[Symbol.asyncDispose]()
  change({ host: 'elsewhere' }, old)
  await using second = await take(backups.path)
  await expect(first.check()).rejects.toMatchObject({ code: 'LEASE_LOST' })
  await first[Symbol.asyncDispose]()
  await second.check()
})
