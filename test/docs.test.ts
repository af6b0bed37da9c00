import { spawnSync } from 'node:child_process'
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Command } from '../src/cli/command.ts'
import { parse } from '../src/cli/program.ts'
import { loadCommands } from '../src/commands/index.ts'
import { packageRoot } from '../src/package.ts'
import { splitWords } from '../src/warehouse/command-line.ts'
import { commandWords } from '../src/warehouse/job-command.ts'
import { loadWarehouse } from '../src/warehouse/load.ts'
import { dwhCalls, type Typed } from './support/shell.ts'

const commands = await loadCommands()

const everyCommand: [path: string, Command][] = commands.flatMap((entry): [string, Command][] =>
  'commands' in entry
    ? entry.commands.map((command) => [`${entry.name} ${command.name}`, command])
    : [[entry.name, entry]],
)

test('jobs of a schedule may name every command that there is, and no other', () => {
  const known = Object.entries(commandWords).flatMap(([first, seconds]) =>
    seconds.length === 0 ? [first] : seconds.map((second) => `${first} ${second}`),
  )
  expect(known.toSorted()).toEqual(everyCommand.map(([path]) => path).toSorted())
})

test('jobs of the warehouses that ship can be typed', () => {
  const jobs = globSync('warehouses/*.yaml', { cwd: packageRoot }).flatMap((file) =>
    Object.values(loadWarehouse(join(packageRoot, file)).schedule.jobs).flatMap(({ run }) => run),
  )
  expect(jobs.map((text) => parse(commands, splitWords(text) ?? [])?.path)).toEqual(
    jobs.map((text) => expect.stringMatching(new RegExp(`^${text.split(' ')[0]}`))),
  )
})

describe.each(everyCommand)('dwh %s', (path, command) => {
  test('says what it does', () => {
    expect(command.summary).toMatch(/^[a-z].{10,}[^.]$/)
  })

  test('has examples that are its own and can be typed', () => {
    expect(command.examples).not.toEqual([])
    for (const example of command.examples) {
      const calls = dwhCalls(example)
      expect(calls.map(({ words }) => parse(commands, words)?.path)).toContain(path)
    }
  })

  test('describes its flags and arguments', () => {
    for (const { description } of [...Object.values(command.options), ...Object.values(command.arguments)])
      expect(description).toMatch(/^.{3,}[^.]$/)
  })
})

describe('generated pages', () => {
  const write = (...words: string[]) =>
    spawnSync(process.execPath, [join(packageRoot, 'scripts', 'docs.ts'), ...words], { encoding: 'utf8' })

  test('are as the program is', () => {
    expect(write('--check')).toMatchObject({ status: 0, stderr: '' })
  })

  test('are called stale by name where they are not', () => {
    const folder = mkdtempSync(join(tmpdir(), 'docs-'))
    try {
      const { status, stderr } = write('--check', folder)
      expect(status).toBe(1)
      expect(stderr.match(/\w[\w-]+\.md is stale; type: npm run docs/g)).toHaveLength(3)
      expect(write(folder).status).toBe(0)
      expect(write('--check', folder).status).toBe(0)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

const pages = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', ...globSync('docs/*.md', { cwd: packageRoot })]

describe.each(pages.toSorted())('%s', (page) => {
  const text = readFileSync(join(packageRoot, page), 'utf8')

  test('types nothing that dwh does not know', () => {
    const unknown = typedIn(text).filter(({ words }) => !isKnown(words))
    expect(unknown.map(({ line }) => line)).toEqual([])
  })

  test('shows JSON that can be read', () => {
    const blocks = [...text.matchAll(/^```json\n(.*?)^```/gms)].map(([, body = '']) => body)
    for (const block of blocks) expect(() => JSON.parse(block), block).not.toThrow()
  })

  test('links to what is there', () => {
    const links = [...text.matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)/g)]
    const dead = links.filter(([, file = '', heading]) => {
      const path = join(packageRoot, file === '' ? page : join(dirname(page), file))
      return !existsSync(path) || (heading !== undefined && !headings(path).includes(heading))
    })
    expect(dead.map(([link]) => link)).toEqual([])
  })
})

test('every page of docs/ is linked from another', () => {
  const linked = pages.flatMap((page) =>
    [...readFileSync(join(packageRoot, page), 'utf8').matchAll(/\]\(([^):#]+\.md)/g)].flatMap(
      ([, file = '']) => {
        const path = join(dirname(page), file)
        return path === page ? [] : [path]
      },
    ),
  )
  expect(pages.filter((page) => page.startsWith('docs') && !linked.includes(page))).toEqual([])
})

test('every dependency has its reason', () => {
  const { dependencies, devDependencies } = JSON.parse(
    readFileSync(join(packageRoot, 'package.json'), 'utf8'),
  ) as Record<'dependencies' | 'devDependencies', Record<string, string>>
  const text = readFileSync(join(packageRoot, 'docs', 'dependencies.md'), 'utf8')
  const told = [...text.matchAll(/^\| (`.*?`) \| \S/gm)].flatMap(([, names = '']) =>
    names.split(', ').map((name) => name.replaceAll('`', '')),
  )
  expect(told.toSorted()).toEqual(Object.keys({ ...dependencies, ...devDependencies }).toSorted())
})

/** Lines behind a prompt, lines of shell scripts, and words in code spans. */
function typedIn(text: string): Typed[] {
  const blocks = [...text.matchAll(/^```(\w*)\n(.*?)^```/gms)].flatMap(([, language, body = '']) => {
    const lines = body.split('\n')
    if (language === 'console')
      return lines.filter((line) => line.startsWith('$ ')).map((line) => line.slice(2))
    return language === 'sh' || language === 'bash' ? lines : []
  })
  const spans = [...text.replace(/^```.*?^```/gms, '').matchAll(/`([^`]+)`/g)].map(([, span = '']) =>
    span.replace(/\s+/g, ' '),
  )
  return [...blocks, ...spans].flatMap(dwhCalls)
}

const names = [...everyCommand.map(([path]) => path), ...commands.map(({ name }) => name)]

/** A command line that can be parsed, or the bare name of a command or a group, as text speaks of them. */
function isKnown(words: string[]): boolean {
  // A usage line goes on with [options] and <name>.
  const end = words.findIndex((word) => /^[[<]/.test(word))
  const typed = words.slice(0, end < 0 ? undefined : end).join(' ')
  if (['', ...names].includes(typed)) return true
  // Help and the version are printed and not parsed.
  if (end >= 0 || /(^| )(--help|--version|-h|-V)$/.test(typed)) return end < 0
  try {
    return parse(commands, words) !== undefined
  } catch {
    return false
  }
}

/** The anchors that GitHub makes of the headings of a page. */
function headings(path: string): string[] {
  return [...readFileSync(path, 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  )
}
