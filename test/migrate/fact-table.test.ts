import { describe, expect, test } from 'vitest'
import { ensureLedger, up } from '../../src/migrate/apply.ts'
import { type FactTable, factTableStatements } from '../../src/migrate/fact-table.ts'
import { createLeaves, planDatasetLeaves } from '../../src/partitions/create.ts'

import { datasetOf } from '../partitions/policies.ts'
import { describeTable } from '../support/catalogue.ts'
import { databaseTemplate, freshDatabase } from '../support/database.ts'
import { servers } from '../support/servers.ts'
import { quietWork } from '../support/work.ts'
import { migrations } from './folder.ts'

/** Everything that a declaration can say, with names that want their quotes. */
const adorned: FactTable = {
  table: 'public."Fait ""d\'été"""',
  comment: "What was sold, l'été compris; $dwh$ and $$ too",
  columns: {
    id: { type: 'bigint', notNull: true },
    'Jour "k"': { type: 'integer', notNull: true, comment: "Day like 20230131, the customer's" },
    statut: { type: 'text', notNull: true, default: "'payée'" },
    montant: 'numeric(15,2)',
    notes: { type: 'jsonb', comment: '' },
  },
  key: ['id'],
  partitionBy: 'Jour "k"',
  indexes: ['statut', ['Jour "k"', 'montant']],
}

const kinds: [string, Record<string, string>, string | string[], object, string][] = [
  ['date_key', { k: 'integer' }, 'k', { kind: 'date_key' }, '20240215'],
  ['date', { k: 'date' }, 'k', { kind: 'date' }, `'2024-02-15'`],
  ['timestamp', { k: 'timestamp' }, 'k', { kind: 'timestamp' }, `'2024-02-15 12:00'`],
  [
    'timestamptz',
    { k: 'timestamptz' },
    'k',
    { kind: 'timestamptz', zone: 'Europe/Paris' },
    `'2024-02-15 12:00+01'`,
  ],
  [
    'year_quarter',
    { y: 'integer', q: 'smallint' },
    ['y', 'q'],
    { kind: 'year_quarter', grain: 'quarter', until: '2024-07' },
    '2024, 1',
  ],
]

test('the SQL of a fact table', () => {
  expect(factTableStatements(adorned).join('\n')).toMatchSnapshot()
  const [, indexless] = factTableStatements({
    table: 't',
    columns: { k: 'date' },
    partitionBy: 'k',
    compression: 'pglz',
  })
  expect(indexless).toMatchSnapshot()
})

describe.each(servers)('a fact table on $name', (server) => {
  const template = databaseTemplate(server, (session) => ensureLedger(session, quietWork()))

  test('is as declared, and declared again it changes nothing', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    using one = migrations({
      '0001_fact.ts': `import { factTable } from 'dwh'\nexport const up = (pgm) => factTable(pgm, ${JSON.stringify(adorned)})`,
      '0002_again.ts': `import { factTable } from 'dwh'\nexport const up = (pgm) => factTable(pgm, ${JSON.stringify(adorned)})`,
    })
    await up(session, quietWork(), one.folders)
    const found = await describeTable(session, { schema: 'public', name: `Fait "d'été"` })
    expect(found.table).toMatchObject([
      { relkind: 'p', partition_key: 'RANGE ("Jour ""k""")', comment: adorned.comment, owner: 'postgres' },
    ])
    const compression = server.binaries.lz4 ? 'l' : ''
    expect(found.columns).toMatchObject([
      { name: 'id', type: 'bigint', not_null: true, compression: '' },
      { name: 'Jour "k"', type: 'integer', not_null: true, comment: "Day like 20230131, the customer's" },
      { name: 'statut', type: 'text', not_null: true, default: `'payée'::text`, compression },
      { name: 'montant', type: 'numeric(15,2)', not_null: false, compression },
      { name: 'notes', type: 'jsonb', compression, comment: null },
    ])
    expect(found.constraints).toEqual([
      { name: `Fait "d'été"_key`, definition: 'UNIQUE (id, "Jour ""k""")', valid: true },
    ])
    expect(found.indexes.map(({ definition }) => String(definition).replace(/^.* USING /, ''))).toEqual(
      expect.arrayContaining(['btree (id, "Jour ""k""")', 'btree (statut)', 'btree ("Jour ""k""", montant)']),
    )
    expect(found.indexes).toHaveLength(3)
  })

  test('leaves a plain table of its name alone, and says who converts it', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    await session.run('CREATE TABLE public.plain (k date, v text)')
    const before = await describeTable(session, { schema: 'public', name: 'plain' })
    const notices: (string | undefined)[] = []
    session.client.on('notice', ({ message }) => notices.push(message))
    for (const statement of factTableStatements({
      table: 'plain',
      columns: { k: 'date', v: 'text' },
      partitionBy: 'k',
      indexes: ['v'],
      comment: 'c',
    }))
      await session.run(statement)
    expect(await describeTable(session, { schema: 'public', name: 'plain' })).toEqual(before)
    expect(notices).toContain('plain is a plain table and stays as it is: dwh setup converts it')
  })

  test.each(kinds)(
    'takes leaves and rows by a key of kind %s',
    async (kind, keys, partitionBy, policy, value) => {
      await using database = await freshDatabase(server, { template: template.name })
      await using session = await database.open()
      const fact: FactTable = {
        table: 'public.facts',
        columns: { id: 'bigint', ...keys, v: 'text' },
        key: ['id'],
        partitionBy,
        indexes: ['v'],
      }
      for (const statement of factTableStatements(fact)) await session.run(statement)
      const dataset = datasetOf('public.facts', {
        key: partitionBy,
        from: '2024-01',
        until: '2024-04',
        premake: 0,
        ...policy,
      })
      const leaves = await createLeaves(session, quietWork(), await planDatasetLeaves(session, dataset))
      expect([kind, leaves.length]).toEqual([kind, kind === 'year_quarter' ? 2 : 3])
      const columns = Object.keys(keys).join(', ')
      await session.run(`INSERT INTO public.facts (id, ${columns}, v) VALUES (1, ${value}, 'x')`)
      await expect(
        session.run(`INSERT INTO public.facts (id, ${columns}, v) VALUES (1, ${value}, 'y')`),
      ).rejects.toMatchObject({ message: expect.stringContaining('duplicate key value') })
      const { leaf } = await session.one<{ leaf: string }>(
        'SELECT tableoid::regclass::text AS leaf FROM public.facts',
      )
      expect(leaf).toMatch(/facts_2024_(02|q1)$/)
      const { leaves: described } = await describeTable(session, { schema: 'public', name: 'facts' })
      for (const { indexes } of described) expect(indexes).toHaveLength(2)
    },
  )
})

test('indexes whose columns read alike get a name each', () => {
  const statements = factTableStatements({
    table: 'public.f',
    columns: { a: 'int', b: 'int', a_b: 'int', k: 'date' },
    partitionBy: 'k',
    indexes: ['a_b', ['a', 'b']],
  })
  expect(statements.join('\n').match(/CREATE INDEX IF NOT EXISTS "\w+"/g)).toEqual([
    'CREATE INDEX IF NOT EXISTS "f_a_b_idx"',
    'CREATE INDEX IF NOT EXISTS "f_a_b_idx1"',
  ])
})
