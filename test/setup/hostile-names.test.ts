import { describe, expect, test } from 'vitest'
import { ident, identList, type RelationName, relation } from '../../src/postgres/identifiers.ts'
import { describeTable } from '../support/catalogue.ts'
import { dwh } from '../support/cli.ts'
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

describe.each(servers)('a table with a hostile name on $name', (server) => {
  test.each(names)('%s: converted, undone, written as a script, listed', async (_kind, name) => {
    const table: RelationName = { schema: name, name }
    await using database = await freshDatabase(server)
    await using session = await database.open()
    const [id, day, note] = [`id ${name}`, `d ${name}`, `n ${name}`].map((column) =>
      Buffer.from(column)
        .subarray(0, 60)
        .toString()
        .replace(/\uFFFD+$/, ''),
    ) as [string, string, string]
    await session.run(`CREATE SCHEMA ${ident(name)}; CREATE TABLE ${relation(table)} (${ident(id)} serial PRIMARY KEY, ${ident(day)} date, ${ident(note)} text);
      CREATE INDEX ON ${relation(table)} (${identList([note, id])})`)
    await session.run(`COMMENT ON TABLE ${relation(table)} IS 'c'; INSERT INTO ${relation(table)} (${identList([day, note])})
      SELECT date '2023-11-15' + n, 'n' || n FROM generate_series(1, 100) AS n`)
    const before = await describeTable(session, table)
    using warehouse = testWarehouse({
      datasets: {
        odd: {
          target: relation(table),
          key: id,
          partition: { key: day, kind: 'date', grain: 'month', premake: 0 },
        },
      },
    })
    const at = warehouse.at(database.target)
    expect(await dwh(['setup', '--sql', 'plan.sql'], at)).toMatchObject({ code: 0 })
    expect(await dwh(['setup', '--yes', '--no-backup'], at)).toMatchObject({ code: 0 })
    const after = await describeTable(session, table)
    expect(after.rows).toMatchObject([{ n: 100 }])
    expect(after.leaves).toHaveLength(4)
    expect(after.indexes.map(({ name, valid }) => [name, valid])).toEqual(
      before.indexes.map(({ name }) => [name, true]),
    )
    expect(await dwh(['partitions', 'list'], at)).toMatchObject({ code: 0 })
    expect(await dwh(['status'], at)).toMatchObject({ code: 0 })
    expect(await dwh(['setup', '--undo', '--yes'], at)).toMatchObject({ code: 0 })
    expect(await describeTable(session, table)).toEqual(before)
  })
})
