import { describe, expect, test } from 'vitest'
import { dwh } from '../support/cli.ts'
import { freshDatabase } from '../support/database.ts'
import { server as first, servers } from '../support/servers.ts'
import { targetEnvironment } from '../support/warehouse.ts'

describe.each(servers)('the warehouse weatherinsight on an empty database, $name', (server) => {
  test('comes whole: hours and features by year, stations, views of quality', async () => {
    await using database = await freshDatabase(server)
    const at = { env: targetEnvironment(database.target) }
    const made = await dwh(['-w', 'weatherinsight', 'setup', '--yes', '--json'], at)
    expect(made).toMatchObject({ code: 0 })
    // This year and the next one, of eleven tables.
    expect(JSON.parse(made.stdout)).toMatchObject({ leaves: 22, gains: [] })

    await using session = await database.open()
    const parents = await session.rows(
      `SELECT c.relname AS name, array_agg(DISTINCT pg_get_indexdef(i.indexrelid)) AS keys
         FROM pg_class AS c JOIN pg_index AS i ON i.indrelid = c.oid AND i.indisunique
        WHERE c.relkind = 'p' AND c.relnamespace = 'public'::regnamespace GROUP BY 1 ORDER BY 1`,
    )
    const keyOf = (name: unknown) =>
      String(name).startsWith('hourly') ? 'station_id, measured_at' : 'station_id, year, quarter'
    expect(parents).toHaveLength(11)
    for (const { name, keys } of parents)
      expect(keys).toEqual([expect.stringMatching(`UNIQUE INDEX ${name}_key ON .*\\(${keyOf(name)}\\)$`)])

    for (const view of ['dataset_versions', 'data_quality_results', 'data_quality_issues'])
      expect(await session.rows(`SELECT * FROM public.${view}`)).toEqual([])
    await session.run(`
      INSERT INTO public.quarterly_temperature_features (station_id, year, quarter, hours_observed, coverage)
      SELECT n, date_part('year', now()), 1, 2160, 0.5 + n * 0.025 FROM generate_series(1, 20) AS n`)
    expect(
      await session.rows(
        'SELECT product, issue_type, issue_count FROM public.data_quality_issues ORDER BY 1',
      ),
    ).toEqual([
      { product: 'air_temperature', issue_type: 'THIN', issue_count: 17 },
      ...['cloud_cover', 'humidity', 'precipitation', 'pressure', 'wind'].map((product) => ({
        product,
        issue_type: 'MISSING',
        issue_count: 1,
      })),
    ])
    if (server.name !== first.name) return
    expect(await dwh(['-w', 'weatherinsight', 'setup', '--yes'], at)).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('nothing to do'),
    })
    // The archive has moved the day of a relocation, and the place as it was before is still there.
    await session.run(`
      INSERT INTO public.station_locations (station_id, product, valid_from, valid_to) VALUES
        (20, 'wind', '1950-01-01', '1980-05-01'), (20, 'wind', '1980-05-01', NULL), (20, 'wind', '1980-04-01', '1990-01-01')`)
    const checked = await dwh(['-w', 'weatherinsight', 'check', '--json'], at)
    expect(checked).toMatchObject({ code: 4 })
    expect(
      await session.rows(
        `SELECT dataset_name, check_name, issue_count FROM public.data_quality_results WHERE status = 'FAIL' ORDER BY 1`,
      ),
    ).toEqual(
      ['cloud_cover', 'humidity', 'precipitation', 'pressure', 'wind']
        .flatMap((product) => {
          const dataset_name = `quarterly_${product}_features`
          const missing = { dataset_name, check_name: 'missing', issue_count: 1 }
          return product === 'humidity'
            ? [expect.objectContaining({ check_name: 'alignment' }), missing]
            : [missing]
        })
        .concat({ dataset_name: 'station_locations', check_name: 'overlapping', issue_count: 2 }),
    )
    expect(await dwh(['-w', 'weatherinsight', 'migrate', 'down', '4', '--yes'], at)).toMatchObject({
      code: 0,
    })
    expect(await session.rows("SELECT to_regclass('public.stations') AS stations")).toEqual([
      { stations: null },
    ])
  })
})
