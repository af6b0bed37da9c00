import { appendFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { quietWork } from '../../support/work.ts'
import { zip } from '../../support/zip.ts'
import { inputFolder, readAll } from './inputs.ts'

const rows = Array.from({ length: 30_000 }, (_, n) => `${n},${(n * 7919) % 1000}`)
const text = `a,b\n${rows.join('\n')}\n`

const packers = [
  { name: 'gzip', pack: (content: string) => gzipSync(content) },
  { name: 'zstd', pack: (content: string) => zstdCompressSync(content) },
]

test.each(packers)(
  '$name is read whatever the name of the file, in several members too',
  async ({ pack }) => {
    await using folder = inputFolder()
    const half = text.indexOf('\n', text.length / 2) + 1
    const input = await folder.put(
      'a.csv',
      Buffer.concat([pack(text.slice(0, half)), pack(text.slice(half))]),
    )
    const { records, batches } = await readAll(input, { batchBytes: 64 * 1024 })
    expect(records.map(({ original }) => `${original}`)).toEqual(rows)
    expect(batches.at(-1)).toMatchObject({ bytesRead: input.bytes })
    await using reader = await input.open({})
    expect(await reader.sample()).toMatchObject({ rows: rows.length })
  },
)

test.each(packers)('$name that is cut, spoiled or goes on is refused', async ({ name, pack }) => {
  await using folder = inputFolder()
  const packed = pack(text)
  const broken = async (content: Buffer) =>
    readAll(await folder.put('a.csv.gz', content)).catch((error) => error)
  const refused = (message: string) => ({ code: 'INPUT_BROKEN', message: expect.stringMatching(message) })
  for (const length of [20, packed.length / 2, packed.length - 1])
    expect(await broken(packed.subarray(0, length))).toMatchObject(
      refused(`^a.csv.gz is cut in the middle: its ${name}`),
    )
  const spoiled = Buffer.from(packed)
  const middle = Math.floor(packed.length / 2)
  spoiled.fill(0x55, middle, middle + 500)
  expect(await broken(spoiled)).toMatchObject(refused(`^a.csv.gz is broken near byte`))
  expect(await broken(Buffer.concat([packed, Buffer.from('and more')]))).toMatchObject(refused('^a.csv.gz '))
})

test('zeros after the end of a gzip are padding, and what follows them is not', async () => {
  await using folder = inputFolder()
  const padded = Buffer.concat([gzipSync(text), Buffer.alloc(5000)])
  expect((await readAll(await folder.put('a.gz', padded))).records).toHaveLength(rows.length)
  const input = await folder.put('a.gz', Buffer.concat([padded, Buffer.from('x')]))
  await expect(readAll(input)).rejects.toMatchObject({
    message: expect.stringMatching('goes on after the end of its gzip'),
  })
})

test('the members of a zip that are data are inputs, or those that a glob names', async () => {
  await using folder = inputFolder()
  const members = [
    'produkt_1.txt',
    'Metadaten.txt',
    'page.html',
    '__MACOSX/produkt_1.txt',
    '../../up.csv',
    'x/produkt_2.txt',
  ]
  const archive = zip(members.map((name) => ({ name, content: `name\n${name}\n` })))
  writeFileSync(join(folder.path, 'a.zip'), archive)
  const names = async (...words: string[]) => (await folder.find(words)).map(({ name }) => name)
  expect(await names('a.zip')).toEqual([
    'a.zip!../../up.csv',
    'a.zip!Metadaten.txt',
    'a.zip!produkt_1.txt',
    'a.zip!x/produkt_2.txt',
  ])
  expect(await names('*.zip!**/produkt_*.txt', 'a.zip!produkt_1.txt')).toEqual([
    'a.zip!__MACOSX/produkt_1.txt',
    'a.zip!produkt_1.txt',
    'a.zip!x/produkt_2.txt',
  ])
  const [up] = await folder.find(['a.zip!../../up.csv'])
  expect(up).toMatchObject({ bytes: 18 })
  expect((await readAll(up as NonNullable<typeof up>)).records).toMatchObject([{ fields: ['../../up.csv'] }])
  await expect(names('a.zip!*.xml')).rejects.toMatchObject({
    code: 'USAGE',
    message: 'a.zip holds no member *.xml',
    hint: expect.stringMatching('it holds .*page.html'),
  })
})

test('a member of a zip that lies about itself is refused', async () => {
  await using folder = inputFolder()
  const refused = {
    code: 'INPUT_BROKEN',
    message: expect.stringMatching(/^a\.zip!a\.csv cannot be unpacked: /),
  }
  for (const lie of [{ lie: 10 }, { lie: 10 ** 6 }, { spoil: true }]) {
    const input = await folder.put('a.zip', zip([{ name: 'a.csv', content: text, ...lie }]))
    await expect(readAll(input)).rejects.toMatchObject(refused)
    await expect(input.digest(quietWork())).rejects.toMatchObject(refused)
  }
  const cut = zip([{ name: 'a.csv', content: text }]).subarray(0, 5000)
  await expect(folder.put('a.zip', cut)).rejects.toMatchObject({ code: 'INPUT_BROKEN' })
})

test('a file that grows or shrinks while it is read is refused', async () => {
  await using folder = inputFolder()
  const grown = await folder.put('a.csv', text)
  appendFileSync(join(folder.path, 'a.csv'), '1,2\n')
  const shrunk = await folder.put('b.csv', text)
  writeFileSync(join(folder.path, 'b.csv'), text.slice(0, -8))
  for (const input of [grown, shrunk])
    await expect(readAll(input)).rejects.toMatchObject({
      code: 'INPUT_BROKEN',
      message: expect.stringMatching('changed while it was read'),
    })
})
