import { describe, expect, test } from 'vitest'
import type { Session } from '../../src/postgres/session.ts'
import { dwh } from '../support/cli.ts'
import { freshDatabase } from '../support/database.ts'
import { server as first, servers } from '../support/servers.ts'
import { targetEnvironment } from '../support/warehouse.ts'

describe.each(servers)('the warehouse sigeti on an empty database, $name', (server) => {
  test('comes whole: schemas, 22 leaves with 66 indexes, dimensions, the calendar filled', async () => {
    await using database = await freshDatabase(server)
    const at = { env: targetEnvironment(database.target) }
    const made = await dwh(['-w', 'sigeti', 'setup', '--yes', '--json'], at)
    expect(made).toMatchObject({ code: 0 })
    expect(JSON.parse(made.stdout)).toMatchObject({ leaves: 22, gains: [] })
    if (!server.binaries.lz4) expect(made.stderr).toContain('this server was built without lz4')

    await using session = await database.open()
    const leaves = `SELECT c.oid FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid AND c.relkind = 'r'`
    const counts = await session.rows(
      `SELECT (SELECT count(*) FROM (${leaves}) AS l) AS leaves,
              (SELECT count(*) FROM pg_index WHERE indrelid IN (${leaves}) AND indisvalid) AS indexes,
              (SELECT count(*) FROM pg_class WHERE oid IN (${leaves})
                  AND reloptions @> '{autovacuum_vacuum_scale_factor=0.05}') AS tended,
              (SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'dwh\\_%') AS schemas,
              (SELECT count(*) FROM pg_tables WHERE schemaname = 'dwh_dim') AS dimensions,
              (SELECT count(*) FROM dwh_dim.dim_temps) AS days,
              (SELECT count(*) FROM dwh_dim.dim_temps WHERE est_weekend) AS weekend_days`,
    )
    expect(counts).toEqual([
      { leaves: 22, indexes: 66, tended: 22, schemas: 5, dimensions: 5, days: 4018, weekend_days: 1148 },
    ])
    const [day] = await session.rows("SELECT * FROM dwh_dim.dim_temps WHERE date = '2024-08-25'")
    expect(day).toMatchObject({
      date_key: 20240825,
      annee: 2024,
      trimestre: 3,
      nom_mois: 'août',
      semaine: 34,
      nom_jour: 'dimanche',
    })
    await session.run(
      `INSERT INTO dwh_facts.fait_factures (facture_id, date_facture_key, statut) VALUES (1, 20230615, 'payée')`,
    )
    expect(await session.rows('SELECT count(*) AS n FROM dwh_facts.fait_factures_2023')).toEqual([{ n: 1 }])

    expect(await dwh(['-w', 'sigeti', 'partitions', 'list'], at)).toMatchObject({ code: 0 })
    expect(await dwh(['-w', 'sigeti', 'migrate', 'verify'], at)).toMatchObject({ code: 0 })
    if (server.name === first.name) await looksDone(session, at)
  })
})

/** What does not differ from server to server. */
async function looksDone(session: Session, at: { env: Record<string, string> }): Promise<void> {
  const again = await dwh(['-w', 'sigeti', 'setup', '--yes'], at)
  expect(again).toMatchObject({ code: 0, stderr: expect.stringContaining('nothing to do') })
  expect(again.stdout).toMatch(/^fait_factures +dwh_facts\.fait_factures +11 leaves/m)
  const status = await dwh(['-w', 'sigeti', 'status', '--json'], at)
  expect(JSON.parse(status.stdout)).toMatchObject({
    warehouse: 'sigeti',
    layers: expect.arrayContaining([expect.objectContaining({ layer: 'dimensions', tables: 5, rows: 4018 })]),
  })
  expect(await dwh(['-w', 'sigeti', 'migrate', 'down', '5', '--yes'], at)).toMatchObject({ code: 0 })
  expect(await session.rows("SELECT to_regnamespace('dwh_facts') AS facts")).toEqual([{ facts: null }])
}
