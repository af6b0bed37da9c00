// npm run legacy -- [--rows N] [--duplicates PERCENT]
// Makes the legacy database of SIGETI in the database that the PG* variables name, which must be empty.
import { parseArgs } from 'node:util'
import { drawEvents } from '../../src/cli/progress.ts'
import { openStreams } from '../../src/cli/streams.ts'
import type { Work } from '../../src/events.ts'
import { runningTarget } from '../../src/postgres/server/running.ts'
import { Session } from '../../src/postgres/session.ts'
import { resolveConnection } from '../../src/warehouse/connection.ts'
import { loadLegacySigeti } from './sigeti.ts'

const { values: flags } = parseArgs({
  options: { database: { type: 'string' }, rows: { type: 'string' }, duplicates: { type: 'string' } },
})
const { emit, end } = await drawEvents(openStreams(true).err, false)
const work: Work = { emit, signal: new AbortController().signal }
const { target } = resolveConnection({
  flags: { database: flags.database },
  warehouse: undefined,
  embedded: () => runningTarget(process.cwd()),
})
await using session = await Session.open(target, 'dwh legacy', work)
await loadLegacySigeti(session, work, {
  ...(flags.rows ? { rows: Number(flags.rows) } : {}),
  ...(flags.duplicates ? { duplicates: Number(flags.duplicates) } : {}),
})
end()
