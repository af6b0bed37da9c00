// Walks the imports of src/ and refuses those against the direction of the design, circles of files, and domains that
// talk to the terminal: node scripts/check-imports.ts [FOLDER]
import { globSync, readFileSync } from 'node:fs'
import { join, posix, relative, resolve } from 'node:path'

/** From the top down: a file imports from its own line and from the lines below. Files directly in src/ are named too. */
const layers = [
  ['bin'],
  ['commands'],
  ['cli'],
  ['setup', 'maintain', 'backfill', 'pipeline', 'monitor', 'web'],
  ['load', 'backup', 'checks', 'schedule', 'report', 'doctor', 'init'],
  ['migrate', 'partitions', 'dedup', 'convert', 'compress'],
  ['proof'],
  ['ledger', 'sources', 'warehouse'],
  ['postgres'],
  ['errors', 'events', 'package', 'state-folder', 'text-width'],
]

/** The parts that may talk to the terminal; all others emit events, which the cli draws. */
const talkers = ['bin', 'commands', 'cli']
const terminalPackages = ['chalk', 'commander', 'log-update']
const terminalGlobals = /\bprocess\.(?:stdout|stderr)\b|\bconsole\./g

interface Import {
  line: number
  /** A file of the folder, or the name of a package. */
  to: string
}

interface Source {
  /** From the folder, with slashes. */
  path: string
  text: string
  imports: Import[]
}

const folder = resolve(process.argv[2] ?? join(import.meta.dirname, '..', 'src'))
const shownFolder = relative(process.cwd(), folder) || '.'
const sources = globSync('**/*.ts', { cwd: folder }).toSorted().map(readSource)
const violations = [...sources.flatMap(misplaced), ...circles()]

for (const violation of violations) process.stderr.write(`${shownFolder}/${violation}\n`)
process.stdout.write(`${sources.length} files, ${violations.length} imports against the design\n`)
process.exitCode = violations.length > 0 ? 1 : 0

function readSource(file: string): Source {
  const path = file.replaceAll('\\', '/')
  const text = readFileSync(join(folder, file), 'utf8')
  return { path, text, imports: readImports(path, text) }
}

/** Biome keeps every import in one of these shapes, so that they can be read without a parser. */
function readImports(path: string, text: string): Import[] {
  const shapes = [
    /^import\s+(?:[\w\s{},*$]+?\s+from\s+)?'([^']+)'/gm,
    /^export\s+(?:type\s+)?(?:\*(?:\s+as\s+\w+)?|\{[\w\s,$]*\})\s+from\s+'([^']+)'/gm,
    /\bimport\('([^']+)'\)/g,
  ]
  return shapes.flatMap((shape) =>
    [...text.matchAll(shape)].map(({ 1: specifier = '', index }) => ({
      line: lineAt(text, index),
      to: specifier.startsWith('.') ? posix.join(posix.dirname(path), specifier) : specifier,
    })),
  )
}

/** What one file imports or touches and may not. */
function misplaced({ path, text, imports }: Source): string[] {
  const part = partOf(path)
  if (layerOf(part) < 0)
    return [`${path}:1  ${part} is no part of the design: give it a place in the table of layers`]
  const imported = imports.flatMap(({ line, to }) =>
    objections(path, to).map((why) => `${path}:${line}  imports ${to}: ${why}`),
  )
  const touched = talkers.includes(part) ? [] : [...withoutComments(text).matchAll(terminalGlobals)]
  return [
    ...imported,
    ...touched.map(
      ({ 0: name, index }) =>
        `${path}:${lineAt(text, index)}  touches ${name}: ${part} is a domain, which emits events instead`,
    ),
  ]
}

/** Why one file may not import another, or a package. */
function objections(path: string, to: string): string[] {
  const part = partOf(path)
  if (!to.endsWith('.ts')) {
    return terminalPackages.includes(to) && !talkers.includes(part)
      ? [`${part} is a domain, which emits events and leaves the terminal to the cli`]
      : []
  }
  const other = partOf(to)
  const why: string[] = []
  if (layerOf(other) >= 0 && layerOf(other) < layerOf(part))
    why.push(`${other} stands above ${part}, and imports run downwards`)
  if (commandOf(path) && commandOf(to) && commandOf(path) !== commandOf(to))
    why.push('a command imports no other; what both need belongs into src/cli or a domain')
  if (part === 'sources' && other === 'postgres' && !path.startsWith('sources/postgres/'))
    why.push('only the source that reads a PostgreSQL knows PostgreSQL')
  return why
}

/** Every circle once, told at its first file; imports of types count, for they are knowledge too. */
function circles(): string[] {
  const byPath = new Map(sources.map((source) => [source.path, source]))
  const done = new Set<string>()
  const found: string[] = []
  const walk = (path: string, trail: string[]) => {
    const start = trail.indexOf(path)
    if (start >= 0) {
      const circle = trail.slice(start)
      const next = circle[1] ?? path
      const line = byPath.get(path)?.imports.find(({ to }) => to === next)?.line ?? 1
      found.push(`${path}:${line}  is in a circle: ${[...circle, path].join(' → ')}`)
    } else if (!done.has(path)) {
      for (const { to } of byPath.get(path)?.imports ?? []) walk(to, [...trail, path])
      done.add(path)
    }
  }
  for (const { path } of sources) walk(path, [])
  return found
}

/** `convert/plan.ts` → `convert`, `errors.ts` → `errors` */
function partOf(path: string): string {
  return (path.split('/')[0] ?? '').replace(/\.ts$/, '')
}

function layerOf(part: string): number {
  return layers.findIndex((layer) => layer.includes(part))
}

/** `commands/setup/render.ts` → `setup`; undefined for `commands/index.ts`, which lists them all. */
function commandOf(path: string): string | undefined {
  return /^commands\/([^/]+)\//.exec(path)?.[1]
}

/** As long as before, so that positions stay. Good enough for code in which a string holds no comment sign and a global. */
function withoutComments(text: string): string {
  return text.replace(/^[ \t]*(?:\/\/|\/?\*).*$/gm, (comment) => ' '.repeat(comment.length))
}

function lineAt(text: string, index: number): number {
  return text.slice(0, index).split('\n').length
}
