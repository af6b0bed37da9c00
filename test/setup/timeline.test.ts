import { describe, expect, test } from 'vitest'
import { dwh, dwhDone } from '../support/cli.ts'
import { freshDatabase } from '../support/database.ts'
import { loadRecords } from '../support/load-records.ts'
import { server as first, servers } from '../support/servers.ts'
import { targetEnvironment } from '../support/warehouse.ts'

/** An entry as the API gives it. */
function entry(id: number, occurredAt: string | null, user: string | null = null) {
  return {
    id: `tme_${id}`,
    occurredAt,
    type: 'APPOINTMENT',
    summary: `Accordé, n° ${id}`,
    comment: null,
    client: { id: `cli_${id % 3}` },
    piano: null,
    invoice: null,
    estimate: null,
    user: user === null ? null : { id: user },
  }
}

describe.each(servers)('the warehouse timeline, $name', (server) => {
  test('comes whole; keeps entries whose user is gone, moves those whose date was corrected, tells what is wrong', async () => {
    await using database = await freshDatabase(server)
    await using session = await database.open()
    const at = { env: targetEnvironment(database.target) }
    const made = await dwhDone(['-w', 'timeline', 'setup', '--yes', '--json'], at)
    // From 2016 to next year, and those without a date.
    const years = new Date().getUTCFullYear() + 1 - 2016 + 1
    expect(JSON.parse(made.stdout)).toMatchObject({ leaves: years + 1, gains: [] })
    await session.run(`INSERT INTO public.gazelle_users VALUES ('usr_1')`)

    const load = (...entries: object[]) => loadRecords(session, 'timeline', 'entries', 'gazelle', entries)
    const page = [
      ...Array.from({ length: 487 }, (_, n) =>
        entry(n, `2023-05-${String((n % 28) + 1).padStart(2, '0')}T08:00:00Z`, 'usr_1'),
      ),
      ...Array.from({ length: 13 }, (_, n) => entry(1000 + n, '2023-06-01T08:00:00Z', 'usr_gone')),
    ]
    expect(await load(...page)).toMatchObject({ inserted: 500, rejected: 0 })
    expect(
      await session.rows(
        'SELECT user_id, count(*) AS n, min(client_id) AS client, count(piano_id) AS pianos FROM public.gazelle_timeline_entries GROUP BY 1 ORDER BY 1',
      ),
    ).toEqual([
      { user_id: 'usr_1', n: 487, client: 'cli_0', pianos: 0 },
      { user_id: null, n: 13, client: 'cli_0', pianos: 0 },
    ])
    // The same entry again in another year, and one with an id that stands twice in the answer.
    const corrected = [
      entry(5, '2024-01-02T08:00:00Z'),
      entry(2000, '2024-01-03T08:00:00Z'),
      entry(2000, '2024-01-03T08:00:00Z'),
    ]
    expect(await load(...corrected)).toMatchObject({ inserted: 1, moved: 1, duplicates: 1, rejected: 0 })
    expect(
      await session.rows(
        `SELECT tableoid::regclass::text AS leaf, user_id FROM public.gazelle_timeline_entries WHERE external_id = 'tme_5'`,
      ),
    ).toEqual([{ leaf: 'public.gazelle_timeline_entries_2024', user_id: null }])
    if (server.name !== first.name) return

    expect(await dwhDone(['-w', 'timeline', 'check'], at)).toMatchObject({
      stderr: expect.stringMatching(/^5 checks: 4 passed, 1 warned$/m),
    })
    expect(await load(entry(3001, '2039-01-01T08:00:00Z'))).toMatchObject({ inserted: 1 })
    // What no load would do.
    await session.run(
      `INSERT INTO public.gazelle_timeline_entries (external_id, occurred_at, entry_type)
       VALUES ('tme_7', '2019-01-01Z', 'SYSTEM'), ('tme_3000', NULL, 'SYSTEM')`,
    )
    const checked = await dwh(['-w', 'timeline', 'check', 'entries', '--json'], at)
    expect(checked).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('2 checks failed: entries.doubled, entries.no_date'),
    })
    expect(JSON.parse(checked.stdout)).toMatchObject({
      checks: [
        { check: 'doubled', state: 'failed', sample: [{ external_id: 'tme_7', rows: 2 }] },
        { check: 'no_date', state: 'failed', sample: [{ external_id: 'tme_3000' }] },
        { check: 'future', state: 'warned', rows: 1 },
        { check: 'rows_per_year' },
        { check: 'no_user', state: 'warned' },
      ],
    })
    expect(await dwh(['-w', 'timeline', 'migrate', 'down', '1', '--yes'], at)).toMatchObject({ code: 0 })
  })
})
