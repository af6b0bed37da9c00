import { createHash } from 'node:crypto'
import {
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { expect, test } from 'vitest'
import type { Input } from '../../../src/sources/file/find.ts'
import { quietWork } from '../../support/work.ts'
import { inputFolder, readAll } from './inputs.ts'

test('words are files, globs and folders that are refused; no file comes twice', async () => {
  await using folder = inputFolder()
  mkdirSync(join(folder.path, 'sub'))
  for (const name of ['b.csv', 'a.csv', 'sub/c.csv', '[x].csv', 'x.csv'])
    writeFileSync(join(folder.path, name), 'a\n1\n')
  symlinkSync('a.csv', join(folder.path, 'z.csv'))
  const names = async (...words: string[]) => (await folder.find(words)).map(({ name }) => name)
  expect(await names('b.csv', '?.csv')).toEqual(['b.csv', 'a.csv', 'x.csv'])
  expect(await names('**/*.csv', './a.csv')).toEqual(['[x].csv', 'a.csv', 'b.csv', 'sub/c.csv', 'x.csv'])
  expect(await names('[x].csv')).toEqual(['[x].csv'])
  expect(await names(join(folder.path, 'sub/*'))).toEqual([join(folder.path, 'sub/c.csv')])
  const refused = (message: string) => ({ code: 'USAGE', message })
  await expect(names('sub')).rejects.toMatchObject({
    ...refused('sub is a folder'),
    hint: expect.stringMatching(`'sub/\\*.csv'`),
  })
  await expect(names('d.csv')).rejects.toMatchObject(refused('there is no file d.csv'))
  await expect(names('*.parquet')).rejects.toMatchObject(refused('no file matches *.parquet'))
  await expect(names('a.csv/b')).rejects.toMatchObject(refused('there is no file a.csv/b'))
})

test('standard input is put aside for its owner only, is read twice, and goes when it is closed', async () => {
  await using folder = inputFolder()
  const content = 'a,b\n1,2\n'
  const inputs = await folder.find(['-', '-'], Readable.from([Buffer.from('a,b\n1'), Buffer.from(',2\n')]))
  const input = inputs[0] as Input
  const spooled = readdirSync(folder.path)
  expect(inputs).toHaveLength(1)
  expect(statSync(join(folder.path, spooled[0] as string)).mode & 0o777).toBe(0o600)
  expect(input).toMatchObject({ name: 'standard input', bytes: 8 })
  expect(await input.digest(quietWork())).toBe(createHash('sha256').update(content).digest('hex'))
  for (const _ of [1, 2]) expect((await readAll(input)).records).toMatchObject([{ fields: ['1', '2'] }])
  await input[Symbol.asyncDispose]()
  expect(readdirSync(folder.path)).toEqual([])
})

test('what was put aside goes when a later word is wrong, and when the user interrupts', async () => {
  await using folder = inputFolder()
  await expect(folder.find(['-', 'none.csv'], Readable.from([Buffer.from('a\n')]))).rejects.toThrow(
    'there is no file',
  )
  const broken = Readable.from(
    (async function* () {
      yield Buffer.from('a\n')
      throw new Error('the pipe broke')
    })(),
  )
  await expect(folder.find(['-'], broken)).rejects.toMatchObject({
    code: 'INPUT_BROKEN',
    message: 'standard input cannot be read: the pipe broke',
  })
  expect(readdirSync(folder.path)).toEqual([])
})

test('reading stops when the work is interrupted, and leaves no file open', async () => {
  await using folder = inputFolder()
  const input = await folder.put('a.csv', `a\n${'1\n'.repeat(10_000)}`)
  const work = quietWork()
  await using reader = await input.open({ batchBytes: 100 })
  const reading = async () => {
    for await (const batch of reader.batches(work)) if (batch.number === 3) work.interrupt()
  }
  await expect(reading()).rejects.toMatchObject({ code: 'INTERRUPTED' })
  expect(readdirSync('/proc/self/fd').length).toBeLessThan(100)
})

test('a file that is written in place or replaced while it is read is refused, whatever its size', async () => {
  await using folder = inputFolder()
  const path = join(folder.path, 'a.csv')
  const content = `a,b\n${'1,2\n'.repeat(50_000)}`
  const changes = [
    () => writeSync(openSync(path, 'r+'), '9', content.length - 4),
    () => {
      writeFileSync(`${path}.new`, content)
      renameSync(`${path}.new`, path)
    },
  ]
  for (const change of changes) {
    writeFileSync(path, content)
    const [input] = (await folder.find(['a.csv'])) as [Input]
    await using reader = await input.open({ batchBytes: 16 * 1024 })
    const read = async () => {
      let records = 0
      for await (const batch of reader.batches(quietWork())) {
        if (records === 0) change()
        records += batch.count
      }
      return records
    }
    const replaced = change === changes[1]
    if (!replaced)
      await expect(read()).rejects.toMatchObject({
        code: 'INPUT_BROKEN',
        message: expect.stringMatching(
          /^a\.csv changed while it was read: somebody has written it at \d{4}-/,
        ),
      })
    // What was opened before stays whole; its hash would be that of another file.
    else expect(await read()).toBe(50_000)
    await expect(input.digest(quietWork())).rejects.toMatchObject({ code: 'INPUT_BROKEN' })
  }
})
