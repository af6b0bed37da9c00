import { describe, expect, test } from 'vitest'
import { hasLegacySigeti, loadLegacySigeti } from '../../scripts/legacy/sigeti.ts'
import { fingerprint, readDependents } from '../../src/convert/dependents.ts'
import { type RelationName, relation } from '../../src/postgres/identifiers.ts'
import type { Session } from '../../src/postgres/session.ts'
import { describeTable } from '../support/catalogue.ts'
import { dwh } from '../support/cli.ts'
import { databaseTemplate, freshDatabase } from '../support/database.ts'
import { servers } from '../support/servers.ts'
import { targetEnvironment } from '../support/warehouse.ts'
import { quietWork } from '../support/work.ts'

const rows = 6000
const facts = 'dwh_facts'
const attributions = { schema: facts, name: 'fait_attributions' }
const factures = { schema: facts, name: 'fait_factures' }

/** The query by which the gain of partitions used to be judged. */
const reportedQuery =
  'SELECT count(*) FROM "dwh_facts"."fait_attributions" WHERE "date_demandee_key" BETWEEN 20230101 AND 20231231'

/** A table with all that hangs on it, but for what a conversion changes and says so. */
async function everythingOf(session: Session, table: RelationName) {
  const { rows, leaves, columns } = await describeTable(session, table)
  const { oid } = await session.one<{ oid: number }>('SELECT $1::regclass::oid::int8 AS oid', [
    relation(table),
  ])
  return {
    rows,
    leaves,
    columns: columns.map(({ name, type, acl, statistics, comment }) => ({
      name,
      type,
      acl,
      statistics,
      comment,
    })),
    dependents: fingerprint(await readDependents(session, oid, table), []).map((line) => line.split(':')[0]),
  }
}

type Everything = Awaited<ReturnType<typeof everythingOf>>

/** Every table with rows, with one hash of their values and of where they lie. */
async function hashes(session: Session) {
  const tables = await session.rows<{ name: string }>(
    "SELECT oid::regclass::text AS name FROM pg_class WHERE relkind = 'r' AND relnamespace::regnamespace::text IN ('public', 'dwh_dim', 'dwh_facts') ORDER BY 1",
  )
  const all: [name: string, hash: string][] = []
  for (const { name } of tables) {
    const { hash } = await session.one<{ hash: string }>(
      `SELECT left(md5(string_agg(t.ctid::text || t::text, ';' ORDER BY t.ctid)), 12) AS hash FROM ${name} AS t`,
    )
    all.push([name, hash])
  }
  return all
}

describe.each(servers)('the legacy database of SIGETI on $name', (server) => {
  const template = databaseTemplate(server, (session) =>
    loadLegacySigeti(session, quietWork(), { rows, duplicates: 2 }),
  )

  test('is the same on every server and every time, to the last row and its place', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    expect(await hasLegacySigeti(session)).toBe(true)
    // Whoever changes the generator changes these.
    expect(await hashes(session)).toEqual([
      ['dwh_dim.dim_domaines_activites', 'ed7ac7b71df8'],
      ['dwh_dim.dim_entreprises', 'fa00bb826cba'],
      ['dwh_dim.dim_lots', 'c632dd8aa72f'],
      ['dwh_dim.dim_temps', '88e8a4c2e388'],
      ['dwh_dim.dim_zones_industrielles', '7d89eac9f32e'],
      ['dwh_facts.fait_attributions', '2b98ea25c8dc'],
      ['dwh_facts.fait_collectes', 'd6597c773c3c'],
      ['dwh_facts.fait_factures', 'a64397ab07ed'],
      ['dwh_facts.fait_paiements', '7c0963b46d22'],
      ['public.attributions', 'f2aef61a0195'],
      ['public.collectes', 'ec3e1c78d5d6'],
      ['public.demandes', '5b34f7704627'],
      ['public.entreprises', '40efc7170680'],
      ['public.factures', '137faa1102b0'],
      ['public.lots', 'd2b2707cac87'],
      ['public.paiements', 'ab29de4ad505'],
      ['public.zones_industrielles', 'dd9446cd4d7c'],
    ])
  })

  test('is worn as it says', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    const [worn] = await session.rows(
      `SELECT count(*) AS rows, count(*) - count(DISTINCT facture_id) AS repeated,
              count(*) FILTER (WHERE date_facture_key IS NULL) > 0 AS some_empty, count(*) FILTER (WHERE date_facture_key = -1) > 0 AS some_unknown,
              min(date_facture_key) FILTER (WHERE date_facture_key > 0) / 10000 AS first, max(date_facture_key) / 10000 AS last
         FROM dwh_facts.fait_factures`,
    )
    expect(worn).toEqual({
      rows,
      repeated: 120,
      some_empty: true,
      some_unknown: true,
      first: 2020,
      last: 2026,
    })
    const versions = await session.rows(
      `SELECT sign(extract(epoch FROM later.updated_at - earlier.updated_at))::integer AS newer, count(*) > 0 AS some
         FROM dwh_facts.fait_factures AS earlier JOIN dwh_facts.fait_factures AS later USING (facture_id) WHERE later.fait_id > earlier.fait_id GROUP BY 1 ORDER BY 1`,
    )
    expect(versions).toEqual([-1, 0, 1].map((newer) => ({ newer, some: true })))
    await session.run('CREATE EXTENSION pgstattuple SCHEMA public')
    const { waste } = await session.one<{ waste: number }>(
      "SELECT round(100 * (dead_tuple_len + free_space) / table_len::numeric)::integer AS waste FROM public.pgstattuple('dwh_facts.fait_factures')",
    )
    expect(waste).toBeGreaterThanOrEqual(10)
    const stored = await session.rows(
      `SELECT coalesce(pg_column_compression(documents), 'plain') AS how, round(avg(octet_length(documents::text)), -2)::integer AS length, count(*) > 10 AS many
         FROM dwh_facts.fait_attributions GROUP BY 1, octet_length(documents::text) > 2000 ORDER BY 1, 2`,
    )
    expect(stored).toEqual([
      { how: 'pglz', length: 1400, many: false },
      { how: 'pglz', length: 2900, many: true },
      { how: 'plain', length: 1400, many: true },
      { how: 'plain', length: 2900, many: true },
    ])
  })

  test('is converted with all that hangs on its facts', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    const both = async () => [
      await everythingOf(session, attributions),
      await everythingOf(session, factures),
    ]
    const before = await both()
    const at = { env: targetEnvironment(database.target) }
    const done = await dwh(['-w', 'sigeti', 'setup', '--yes', '--no-backup', '--json'], at)
    expect(done).toMatchObject({ code: 0 })
    const { gains } = JSON.parse(done.stdout)
    expect(gains).toMatchObject([
      {
        before: { tables: 1, queries: [{ sql: reportedQuery, tables_read: 1 }, { what: 'sum' }] },
        after: { tables: 12, queries: [{ sql: reportedQuery, tables_read: 1 }, { tables_read: 1 }] },
        duplicates: { table: 'dwh_facts.fait_attributions_duplicates', rows: 8 },
      },
      { before: { rows }, after: { rows: rows - 120 }, duplicates: { rows: 120 } },
    ])
    const methods = await session.rows(
      'SELECT DISTINCT pg_column_compression(documents) AS method FROM dwh_facts.fait_attributions ORDER BY 1',
    )
    expect(methods).toEqual([{ method: server.binaries.lz4 ? 'lz4' : 'pglz' }, { method: null }])
    const after = await both()
    const hanging = ({ dependents, columns }: Everything) => ({ dependents, columns })
    expect(after.map(hanging)).toEqual(before.map(hanging))
    expect(after.map(({ rows: [row] }) => row?.n)).toEqual([392, rows - 120])
    const aside = await session.rows(
      `SELECT (SELECT count(*) FROM dwh_facts.fait_attributions_duplicates) AS attributions,
              (SELECT count(*) FROM dwh_facts.fait_factures_duplicates) AS factures,
              (SELECT count(*) FROM dwh_facts.fait_factures_duplicates AS d JOIN dwh_facts.fait_factures AS f USING (facture_id) WHERE d.updated_at > f.updated_at) AS newer,
              (SELECT count(*) FROM dwh_facts.fait_factures_duplicates AS d JOIN dwh_facts.fait_factures AS f USING (facture_id)
                WHERE d.date_facture_key / 10000 <> f.date_facture_key / 10000) > 0 AS some_from_another_year`,
    )
    expect(aside).toEqual([{ attributions: 8, factures: 120, newer: 0, some_from_another_year: true }])
    expect(before.map(({ dependents }) => dependents)).toEqual([
      [
        'foreign key fait_attributions_lot_fk',
        'policy fait_attributions_sans_annulées',
        'row security ENABLE',
        'view dwh_marts."v_délais_de_traitement"',
      ],
      [
        'foreign key fait_factures_entreprise_fk',
        'materialized view "dwh_marts"."mv_recettes_mensuelles"',
        'publication sigeti_factures',
        'statistics "dwh_facts"."fait_factures_statut_montants"',
        'trigger fait_factures_horodatage',
        'view dwh_marts.v_factures_ouvertes',
      ],
    ])
    for (const { leaves } of after) {
      expect(leaves).toHaveLength(12)
      expect(leaves.at(-1)).toMatchObject({ name: expect.stringContaining('_unknown'), bound: 'DEFAULT' })
    }
  })
})
