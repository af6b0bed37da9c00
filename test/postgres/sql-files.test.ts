import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type pg from 'pg'
import { describe, expect, test } from 'vitest'
import { ensureLedger } from '../../src/migrate/apply.ts'
import { packageRoot } from '../../src/package.ts'
import { sql } from '../../src/postgres/sql-files.ts'
import { freshDatabase } from '../support/database.ts'
import { servers } from '../support/servers.ts'
import { quietWork } from '../support/work.ts'

const names = globSync('**/*.sql', { cwd: join(packageRoot, 'sql', 'dwh') })
  .map((path) => path.replace(/\.sql$/, ''))
  .toSorted()

test('every file says what it is for and what it locks', () => {
  const wrong = names.filter((name) => {
    const [header = ''] = /^(--.*\n)+/.exec(sql(name).text) ?? []
    return !/^-- [A-Z](?!ocks:).*\n(--.*\n)*-- Locks: .+\.\n$/.test(header)
  })
  expect(wrong).toEqual([])
})

test('every file is used, and every file that is asked for is there', () => {
  const sources = globSync(['src/**/*.ts', 'scripts/**/*.ts'], { cwd: packageRoot })
  const used = sources.flatMap((source) =>
    [...readFileSync(join(packageRoot, source), 'utf8').matchAll(/\bsql\(\s*'([^']+)'/g)].map(
      ([, name]) => name,
    ),
  )
  expect([...new Set(used)].toSorted()).toEqual(names)
})

test('a file is read once and is told by its path', () => {
  expect(sql('ledger/start_run')).toBe(sql('ledger/start_run'))
  expect(sql('ledger/start_run').file).toBe(join('sql', 'dwh', 'ledger', 'start_run.sql'))
})

describe.each(servers)('on $name', (server) => {
  test('every file is one statement that can be prepared', async () => {
    await using database = await freshDatabase(server)
    await using session = await database.open()
    await ensureLedger(session, quietWork())
    const refused: string[] = []
    for (const name of names) {
      // By the extended protocol, which takes one statement at a time.
      const text = `PREPARE "${name}" AS ${sql(name).text}`
      const query = { text, queryMode: 'extended' } as pg.QueryConfig
      await session.client.query(query).catch((error) => refused.push(`${name}: ${error.message}`))
    }
    expect(refused).toEqual([])
    const twice = { text: 'PREPARE twice AS SELECT 1; SELECT 2', queryMode: 'extended' } as pg.QueryConfig
    await expect(session.client.query(twice)).rejects.toThrow('multiple commands')
  })
})
