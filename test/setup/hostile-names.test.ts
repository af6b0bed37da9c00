import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ident, identList, type RelationName, relation } from '../../src/postgres/identifiers.ts'
import { describeTable } from '../support/catalogue.ts'
import { dwhDone } from '../support/cli.ts'
import { freshDatabase } from '../support/database.ts'
import { servers } from '../support/servers.ts'
import { testWarehouse } from '../support/warehouse.ts'

const names: [string, string][] = [
  ['quotes', `we"ir'd`],
  ['a newline', 'two\nlines'],
  ['dollars', 'cash $$ $dwh$ $dwh1$'],
  ['63 bytes', 'x'.repeat(63)],
  ['63 bytes of two each', `${'é'.repeat(31)}x`],
  ['upper case', 'SELECT'],
  ['a backslash and a percent', String.raw`50%\n`],
  ['a dash and dots', '-../x.y'],
]

/** A table whose every name is hostile: schema, table, columns, and what PostgreSQL makes of them for its indexes. */
function hostileTable([kind, name]: [string, string]) {
  const [id, day, note] = [`id ${name}`, `d ${name}`, `n ${name}`].map((column) =>
    Buffer.from(column)
      .subarray(0, 60)
      .toString()
      .replace(/\uFFFD+$/, ''),
  ) as [string, string, string]
  return {
    dataset: `t_${kind.replaceAll(' ', '_')}`,
    table: { schema: name, name } as RelationName,
    id,
    day,
    note,
  }
}

describe.each(servers)('tables with hostile names on $name', (server) => {
  test('are converted, listed, undone, and converted by the script of the plan', async () => {
    await using database = await freshDatabase(server)
    await using session = await database.open()
    const tables = names.map(hostileTable)
    for (const { table, id, day, note } of tables) {
      const name = relation(table)
      await session.run(`CREATE SCHEMA ${ident(table.schema)};
        CREATE TABLE ${name} (${ident(id)} serial PRIMARY KEY, ${ident(day)} date, ${ident(note)} text);
        CREATE INDEX ON ${name} (${identList([note, id])}); COMMENT ON TABLE ${name} IS 'c';
        INSERT INTO ${name} (${identList([day, note])})
        SELECT date '2023-11-15' + n, 'n' || n FROM generate_series(1, 100) AS n`)
    }
    const describeAll = async () => {
      const all = []
      for (const { table } of tables) all.push(await describeTable(session, table))
      return all
    }
    const before = await describeAll()
    using warehouse = testWarehouse({
      datasets: Object.fromEntries(
        tables.map(({ dataset, table, id, day }) => [
          dataset,
          {
            target: relation(table),
            key: id,
            partition: { key: day, kind: 'date', grain: 'month', premake: 0 },
          },
        ]),
      ),
    })
    const at = warehouse.at(database.target)
    await dwhDone(['setup', '--yes', '--no-backup'], at)
    for (const [index, after] of (await describeAll()).entries()) {
      expect(after.rows).toMatchObject([{ n: 100 }])
      expect(after.leaves).toHaveLength(4)
      expect(after.indexes.map(({ name, valid }) => [name, valid])).toEqual(
        before[index]?.indexes.map(({ name }) => [name, true]),
      )
    }
    const { stdout } = await dwhDone(['partitions', 'list'], at)
    // One line a leaf, whatever the names hold.
    for (const { dataset } of tables) expect(stdout).toContain(dataset)
    expect(stdout).not.toContain('two\nlines')
    await dwhDone(['setup', '--undo', '--yes'], at)
    expect(await describeAll()).toEqual(before)

    // The same by psql, with every name in its quotes.
    await dwhDone(['setup', '--sql', 'plan.sql'], at)
    execFileSync('psql', ['-Xqv', 'ON_ERROR_STOP=1', '-f', join(at.cwd, 'plan.sql')], {
      env: { ...process.env, ...at.env },
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    for (const { leaves, rows } of await describeAll())
      expect([rows, leaves]).toMatchObject([[{ n: 100 }], { length: 4 }])
  })
})
