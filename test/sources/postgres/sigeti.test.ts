import { join } from 'node:path'
import { expect, test } from 'vitest'
import { seeJobs } from '../../../src/ledger/jobs.ts'
import { packageRoot } from '../../../src/package.ts'
import type { Session } from '../../../src/postgres/session.ts'
import { jobsOf } from '../../../src/schedule/jobs.ts'
import { loadWarehouse } from '../../../src/warehouse/load.ts'
import { dwh } from '../../support/cli.ts'
import { freshDatabase } from '../../support/database.ts'
import { server } from '../../support/servers.ts'
import { targetEnvironment } from '../../support/warehouse.ts'

/** SIGETI's own database, as small as it can be and still have one of everything. */
const sigeti = `
  CREATE TYPE public.statut_demande AS ENUM ('en_attente', 'approuvee', 'rejetee');
  CREATE TABLE public.domaines_activites (id int PRIMARY KEY, code varchar(10), libelle varchar(200), description text, created_at timestamptz, updated_at timestamptz);
  CREATE TABLE public.entreprises (id int PRIMARY KEY, raison_sociale varchar(255), registre_commerce varchar(50), forme_juridique varchar(50), adresse text,
    telephone varchar(30), email varchar(255), domaine_activite_id int, created_at timestamptz, updated_at timestamptz);
  CREATE TABLE public.zones_industrielles (id int PRIMARY KEY, code varchar(20), libelle varchar(200), adresse text, description text, superficie numeric(12,2),
    statut varchar(20), created_at timestamptz, updated_at timestamptz);
  CREATE TABLE public.lots (id int PRIMARY KEY, zone_industrielle_id int, numero varchar(20), superficie numeric(12,2), prix numeric(14,2), statut varchar(20),
    created_at timestamptz, updated_at timestamptz);
  CREATE TABLE public.demandes_attribution (id int PRIMARY KEY, entreprise_id int, lot_id int, date_demande timestamptz, date_approbation timestamptz,
    statut statut_demande, superficie_demandee numeric, superficie_attribuee numeric, montant numeric, observations text, documents json,
    created_at timestamptz, updated_at timestamptz);
  CREATE TABLE public.factures (id int PRIMARY KEY, numero varchar(30), entreprise_id int, lot_id int, date_facture date, date_echeance date, statut varchar(20),
    montant_total numeric(14,2), montant_paye numeric(14,2), created_at timestamptz, updated_at timestamptz);
  CREATE TABLE public.paiement_factures (id int PRIMARY KEY, facture_id int, entreprise_id int, date_paiement date, mode_paiement varchar(20), statut varchar(20),
    montant numeric(14,2), created_at timestamptz, updated_at timestamptz);
  CREATE TABLE public.collectes (id int PRIMARY KEY, zone_industrielle_id int, date_debut date, date_fin date, statut varchar(20), montant_a_recouvrer numeric(14,2),
    montant_recouvre numeric(14,2), created_at timestamptz, updated_at timestamptz);
  INSERT INTO domaines_activites SELECT n, 'D' || n, 'Domaine n°' || n, NULL, t, t FROM generate_series(1, 5) AS n, (VALUES (timestamptz '2024-01-01Z')) AS v (t);
  INSERT INTO entreprises SELECT n, 'Société ' || n, 'RC' || n, 'SARL', 'Abidjan', NULL, 'Contact' || n || '@Example.org', 1 + n % 5, t, t
    FROM generate_series(1, 200) AS n, (VALUES (timestamptz '2024-01-01Z')) AS v (t);
  INSERT INTO zones_industrielles SELECT n, 'Z' || n, 'Zone ' || n, 'Yopougon', NULL, 1000 * n, 'active', t, t FROM generate_series(1, 4) AS n, (VALUES (timestamptz '2024-01-01Z')) AS v (t);
  INSERT INTO lots SELECT n, 1 + n % 4, 'L' || n, 100, 5000, 'libre', t, t FROM generate_series(1, 300) AS n, (VALUES (timestamptz '2024-01-01Z')) AS v (t);
  INSERT INTO demandes_attribution SELECT n, 1 + n % 200, 1 + n % 300, d, d + interval '10 days', 'approuvee', 100, 100, 5000, 'voilà', '{"pages": 3}', d, d
    FROM generate_series(1, 1000) AS n, LATERAL (SELECT timestamptz '2022-06-01Z' + n * interval '20 hours' AS d) AS v;
  INSERT INTO factures SELECT n, 'F' || n, 1 + n % 200, 1 + n % 300, d, d + 30, 'payée', 5000, 5000, d, d
    FROM generate_series(1, 1000) AS n, LATERAL (SELECT date '2022-06-01' + n % 900 AS d) AS v;
  INSERT INTO paiement_factures SELECT n, n, entreprise_id, date_facture + 20, 'virement', 'reçu', 5000, created_at, created_at FROM factures AS f (n);
  INSERT INTO collectes SELECT n, 1 + n % 4, date '2023-01-01' + n, NULL, 'en cours', 100, 50, t, t FROM generate_series(1, 20) AS n, (VALUES (timestamptz '2024-01-01Z')) AS v (t)`

const staging = [
  'domaines_activites',
  'entreprises',
  'zones_industrielles',
  'lots',
  'demandes_attribution',
  'factures',
  'paiements',
  'collectes',
].map((name) => `stg_${name}`)
const dimensions = [
  ['dim_domaines_activites', 'dim_zones_industrielles'],
  ['dim_entreprises', 'dim_lots'],
]
const facts = ['fait_attributions', 'fait_factures', 'fait_paiements', 'fait_collectes']

test('SIGETI comes whole, and the second time only what has changed: corrections, and rows that move to another year', async () => {
  await using there = await freshDatabase(server)
  await using here = await freshDatabase(server)
  await using source = await there.open()
  await using warehouse = await here.open()
  await source.run(`SET search_path = public; ${sigeti}`)
  const { host, port, database, user } = there.target
  const env = {
    ...targetEnvironment(here.target),
    ...{ SOURCE_DB_HOST: host, SOURCE_DB_PORT: String(port), SOURCE_DB_NAME: database, SOURCE_DB_USER: user },
  }
  expect(await dwh(['-w', 'sigeti', 'setup', '--yes'], { env })).toMatchObject({ code: 0 })

  async function refresh(): Promise<void> {
    // Each step reads what the one before has written.
    for (const datasets of [staging, ...dimensions, facts]) {
      const words = datasets.flatMap((name) => ['--dataset', name])
      const ran = await dwh(['-w', 'sigeti', 'backfill', 'run', ...words, '--yes'], { env })
      expect(ran, ran.stderr).toMatchObject({ code: 0 })
    }
  }

  await refresh()
  expect(await portrait(warehouse)).toEqual({
    entreprises: 200,
    lots: 300,
    attributions: 1000,
    factures: 1000,
    paiements: 1000,
    collectes: 20,
    orphans: 0,
  })
  const first = await lastChunks(warehouse)
  expect(first.stg_factures).toMatchObject({
    inserted: 1000,
    watermark: expect.stringMatching(/^2024-11-16/),
  })

  await source.run(`SET search_path = public;
    UPDATE demandes_attribution SET date_demande = '2024-12-30Z', updated_at = '2025-01-05Z' WHERE id = 1;
    UPDATE factures SET montant_paye = 4999, updated_at = '2025-01-05Z' WHERE id = 2;
    UPDATE entreprises SET raison_sociale = 'Autre nom', updated_at = '2025-01-05Z' WHERE id = 3;
    INSERT INTO paiement_factures SELECT 1001, 2, 3, '2025-01-04', 'espèces', 'reçu', 1, '2025-01-05Z', '2025-01-05Z'`)
  const before = await keyOf(warehouse, 3)
  // The daily job of its schedule is the same, and the checks behind it.
  const { name, schedule } = loadWarehouse(join(packageRoot, 'warehouses', 'sigeti.yaml'))
  await seeJobs(warehouse, name, jobsOf({ schedule }))
  await warehouse.run(
    `INSERT INTO dwh.slots (warehouse, job, due_at) VALUES ('sigeti', 'daily', clock_timestamp())`,
  )
  const daily = await dwh(['-w', 'sigeti', 'schedule', 'run', '--once'], { env })
  expect(daily, daily.stderr).toMatchObject({ code: 0 })
  expect(await warehouse.rows('SELECT job, outcome, exit_code, reason FROM dwh.slots')).toEqual([
    { job: 'daily', outcome: 'ran', exit_code: 0, reason: null },
  ])
  const second = await lastChunks(warehouse)
  expect(second.stg_demandes_attribution).toMatchObject({ records: 2, updated: 1, unchanged: 1 })
  expect(second.stg_paiements).toMatchObject({ inserted: 1 })
  expect(second.fait_attributions).toMatchObject({ moved: 1, inserted: 0 })
  expect(second.dim_entreprises).toMatchObject({ updated: 1, inserted: 0 })
  expect(await portrait(warehouse)).toEqual({
    entreprises: 200,
    lots: 300,
    attributions: 1000,
    factures: 1000,
    paiements: 1001,
    collectes: 20,
    orphans: 0,
  })
  expect(await keyOf(warehouse, 3), 'a company keeps its key').toEqual(before)
  expect(
    await warehouse.one(`SELECT a.tableoid::regclass::text AS leaf, f.montant_paye::text AS paid, f.delai_paiement_jours > 365 AS late, e.raison_sociale AS name
       FROM dwh_facts.fait_attributions AS a, dwh_facts.fait_factures AS f, dwh_dim.dim_entreprises AS e
      WHERE a.attribution_id = 1 AND f.facture_id = 2 AND e.entreprise_id = 3`),
  ).toEqual({ leaf: 'dwh_facts.fait_attributions_2024', paid: '4999.00', late: true, name: 'Autre nom' })
})

function portrait(session: Session) {
  return session.one(`
    SELECT (SELECT count(*) FROM dwh_dim.dim_entreprises WHERE domaine_key IS NOT NULL) AS entreprises,
           (SELECT count(*) FROM dwh_dim.dim_lots WHERE zone_key IS NOT NULL) AS lots,
           (SELECT count(*) FROM dwh_facts.fait_attributions) AS attributions,
           (SELECT count(*) FROM dwh_facts.fait_factures) AS factures,
           (SELECT count(*) FROM dwh_facts.fait_paiements) AS paiements,
           (SELECT count(*) FROM dwh_facts.fait_collectes) AS collectes,
           (SELECT count(*) FROM dwh_facts.fait_attributions WHERE num_nulls(entreprise_key, lot_key, zone_key, domaine_key) > 0) AS orphans`)
}

/** By dataset what its last chunk has done. */
async function lastChunks(session: Session): Promise<Record<string, Record<string, unknown>>> {
  const rows = await session.rows<{ dataset: string; figures: object; watermark: string }>(
    'SELECT DISTINCT ON (dataset) dataset, figures, watermark FROM dwh.chunks ORDER BY dataset, chunk DESC',
  )
  return Object.fromEntries(
    rows.map(({ dataset, figures, watermark }) => [dataset, { ...figures, watermark }]),
  )
}

function keyOf(session: Session, company: number) {
  return session.one('SELECT entreprise_key FROM dwh_dim.dim_entreprises WHERE entreprise_id = $1', [company])
}
