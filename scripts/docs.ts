// Writes the pages of docs/ that are generated from the program: node scripts/docs.ts [--check] [FOLDER]
// With --check it writes nothing and fails, naming each page that is not what it would write.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { commandPage } from './docs/commands.ts'
import { errorPage } from './docs/errors.ts'
import { warehouseFilePage } from './docs/warehouse-file.ts'

/** What each page is called, and what it is generated from. */
const pages = {
  'commands.md': { source: 'src/commands/', write: commandPage },
  'errors.md': { source: 'src/errors.ts', write: errorPage },
  'warehouse-file.md': { source: 'src/warehouse/schema.ts', write: warehouseFilePage },
}

const { values: flags, positionals } = parseArgs({
  options: { check: { type: 'boolean', default: false } },
  allowPositionals: true,
})
const folder = resolve(positionals[0] ?? join(import.meta.dirname, '..', 'docs'))
if (!flags.check) mkdirSync(folder, { recursive: true })

for (const [name, { source, write }] of Object.entries(pages)) {
  const path = join(folder, name)
  const page = `<!-- Generated from ${source} by \`npm run docs\`: change it there. -->\n\n${write()}`
  if (!flags.check) writeFileSync(path, page)
  else if (contentOf(path) !== page) {
    process.stderr.write(`${relative(process.cwd(), path)} is stale; type: npm run docs\n`)
    process.exitCode = 1
  }
}

function contentOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
