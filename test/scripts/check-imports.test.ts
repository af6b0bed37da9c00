import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { packageRoot } from '../../src/package.ts'

/** Runs the check on the sources of the project, or on files of our own. */
function check(files?: Record<string, string>): { status: number | null; stderr: string } {
  const folder = mkdtempSync(join(tmpdir(), 'imports-'))
  try {
    for (const [path, text] of Object.entries(files ?? {})) {
      mkdirSync(dirname(join(folder, path)), { recursive: true })
      writeFileSync(join(folder, path), text)
    }
    const script = join(packageRoot, 'scripts', 'check-imports.ts')
    const words = files ? [script, folder] : [script]
    const { status, stderr } = spawnSync(process.execPath, words, { cwd: folder, encoding: 'utf8' })
    return { status, stderr }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

test('the sources follow the design', () => {
  expect(check()).toEqual({ status: 0, stderr: '' })
})

test('what runs downwards or sideways passes', () => {
  const files = {
    'bin.ts': "import './commands/index.ts'\n",
    'commands/index.ts': "import { a } from './a/index.ts'\nimport { b } from './b/index.ts'\n",
    'commands/a/index.ts': "import { x } from '../../cli/x.ts'\nimport chalk from 'chalk'\n",
    'commands/b/index.ts': "import { up } from '../../migrate/up.ts'\nconsole.log(1)\n",
    'cli/x.ts': "import { classify } from '../postgres/sqlstate.ts'\n",
    'migrate/up.ts': "// console.log is for the cli\nimport { leaves } from '../partitions/plan.ts'\n",
    'partitions/plan.ts': "import { readFileSync } from 'node:fs'\n",
    'postgres/sqlstate.ts': "import { DwhError } from '../errors.ts'\n",
    'errors.ts': '',
  }
  expect(check(files)).toEqual({ status: 0, stderr: '' })
})

test.each<[string, Record<string, string>, string]>([
  [
    'an arrow that runs back up',
    { 'ledger/runs.ts': '', 'postgres/session.ts': "\nimport type { Run } from '../ledger/runs.ts'\n" },
    './postgres/session.ts:2  imports ledger/runs.ts: ledger stands above postgres, and imports run downwards\n',
  ],
  [
    'an import over several lines, and one that is passed on',
    {
      'convert/run.ts':
        "import {\n  a,\n  type B,\n} from '../setup/run.ts'\n\nexport * from '../load/file.ts'\n",
    },
    './convert/run.ts:1  imports setup/run.ts: setup stands above convert, and imports run downwards\n' +
      './convert/run.ts:6  imports load/file.ts: load stands above convert, and imports run downwards\n',
  ],
  [
    'an import at run time',
    { 'proof/hash.ts': "const { convert } = await import('../convert/run.ts')\n" },
    './proof/hash.ts:1  imports convert/run.ts: convert stands above proof, and imports run downwards\n',
  ],
  [
    'the cli that knows a command',
    { 'cli/program.ts': "import { commands } from '../commands/index.ts'\n" },
    './cli/program.ts:1  imports commands/index.ts: commands stands above cli, and imports run downwards\n',
  ],
  [
    'a circle of files',
    {
      'load/a.ts': "import { b } from './b.ts'\n",
      'load/b.ts': "\nimport { c } from './c.ts'\n",
      'load/c.ts': "import type { A } from './a.ts'\n",
    },
    './load/a.ts:1  is in a circle: load/a.ts → load/b.ts → load/c.ts → load/a.ts\n',
  ],
  [
    'a command that imports another',
    { 'commands/setup/index.ts': "import { render } from '../status/render.ts'\n" },
    './commands/setup/index.ts:1  imports commands/status/render.ts: a command imports no other; what both need belongs into src/cli or a domain\n',
  ],
  [
    'a domain with a package of the terminal',
    { 'backup/dump.ts': "import { Chalk } from 'chalk'\n" },
    './backup/dump.ts:1  imports chalk: backup is a domain, which emits events and leaves the terminal to the cli\n',
  ],
  [
    'a domain that writes to the terminal',
    {
      'warehouse/load.ts': '/**\n * process.stdout\n */\nprocess.stderr.write(1)\n\nif (x) console.log(2)\n',
    },
    './warehouse/load.ts:4  touches process.stderr: warehouse is a domain, which emits events instead\n' +
      './warehouse/load.ts:6  touches console.: warehouse is a domain, which emits events instead\n',
  ],
  [
    'a source that knows PostgreSQL, unless it reads one',
    {
      'sources/http/open.ts': "import { Session } from '../../postgres/session.ts'\n",
      'sources/postgres/open.ts': "import { Session } from '../../postgres/session.ts'\n",
    },
    './sources/http/open.ts:1  imports postgres/session.ts: only the source that reads a PostgreSQL knows PostgreSQL\n',
  ],
  [
    'a folder without a place',
    { 'utils/strings.ts': '' },
    './utils/strings.ts:1  utils is no part of the design: give it a place in the table of layers\n',
  ],
])('%s is refused', (_what, files, stderr) => {
  expect(check(files)).toEqual({ status: 1, stderr })
})
