import type { RestorePlan } from '../../backup/restore/plan.ts'
import { describeLedger, type RestoreResult } from '../../backup/restore/run.ts'
import { bytes, count, duration, moment, plural, printable } from '../../cli/format.ts'
import type { Stream } from '../../cli/streams.ts'

/** The plan for people: the backup, the server, what will be made, who is in the way. */
export function renderPlan({ paint }: Stream, plan: RestorePlan): string {
  const { wishes, verified, server, tool, needed, live, into, kept, resumed } = plan
  const { manifest } = wishes.backup
  const age = (Date.now() - Date.parse(manifest.snapshot.at)) / 1000
  const rows = manifest.tables.reduce((sum, table) => sum + (table.rows ?? 0), 0)
  const lines = [
    paint.bold('Plan'),
    `  backup    ${wishes.backup.name}, taken ${moment(new Date(manifest.snapshot.at))} (${duration(age)} ago) of ${manifest.database.name}`,
    `  holds     ${plural(manifest.tables.length, 'table')}, ${plural(rows, 'row')}; all ${plural(verified.files, 'file')} verified, ${bytes(verified.bytes)}`,
    `  disk      ${bytes(needed)} at most, ${server.free === null ? 'and what is free on the server cannot be seen from here' : `${bytes(server.free)} free`}`,
    `  with      ${tool.path} ${tool.version}`,
    resumed
      ? `  resume    the attempt of ${resumed.state.phases[0]?.at} in ${into}: done is ${resumed.state.phase}`
      : `  restore   into the new database ${into}, and compare every table with the backup`,
    ...exchangeLines(plan),
    ...plan.leftovers.map(
      ({ state }) =>
        `  ${wishes.anew ? 'drop' : 'left'}      ${state.into.name}, of an attempt with ${state.backup}${wishes.anew ? '' : ' (--anew drops it)'}`,
    ),
  ]
  if (server.free !== null && server.free < needed)
    lines.push(`${paint.yellow('!')} the disk may not be large enough`)
  if (live && kept) lines.push(...occupantLines(plan).map((line) => `${paint.yellow('!')} ${line}`))
  return `${lines.map(printable).join('\n')}\n`
}

function exchangeLines({ wishes, live, into, kept }: RestorePlan): string[] {
  const { live: name, backup } = wishes
  if (name === null) return ['  then      stop there: no other database is touched']
  if (!live || kept === null)
    return [
      `  exchange  none: there is no database ${name}; ${into} gets its name`,
      '  ledger    the old one cannot be read: numbers and epochs are raised',
      `  replay    takes every window from ${backup.manifest.snapshot.at} to now`,
    ]
  return [
    `  exchange  ${name} becomes ${kept}, ${into} becomes ${name}, in one transaction; ${name} is not touched before`,
    '  ledger    what was done since the backup is taken over; what was loaded since counts as failed, to be loaded again',
  ]
}

function occupantLines({ wishes, occupants, live }: RestorePlan): string[] {
  const sessions = occupants.filter(({ kind }) => kind === 'session')
  const others = occupants.filter(({ kind }) => kind !== 'session')
  const who = sessions.map(({ pid, who }) => `${pid} (${who})`).join('; ')
  const end = wishes.blockConnections
    ? 'they are ended at the exchange'
    : 'they must have gone by the exchange, or add --block-connections'
  return [
    ...(sessions.length > 0 ? [`connected to ${live?.name}: ${who}; ${end}`] : []),
    ...others.map(({ kind, who }) =>
      kind === 'prepared transaction'
        ? `${kind} ${who} must have ended by the exchange`
        : `${kind} ${who} stays with the old database`,
    ),
  ]
}

/** `dwh restore --dry-run --json` */
export function planJson(plan: RestorePlan) {
  const { wishes, verified, server, tool, needed, live, into, kept, resumed } = plan
  const { manifest } = wishes.backup
  return {
    backup: wishes.backup.name,
    taken_at: manifest.snapshot.at,
    tables: manifest.tables.length,
    rows: manifest.tables.reduce((sum, table) => sum + (table.rows ?? 0), 0),
    verified: { files: verified.files, bytes: verified.bytes },
    disk: { needed, free: server.free },
    tool: { path: tool.path, version: tool.version },
    database: wishes.live,
    exists: live !== null,
    into,
    kept,
    connected: plan.occupants,
    resumes: resumed?.state.phase ?? null,
    leftovers: plan.leftovers.map(({ state }) => ({
      database: state.into.name,
      backup: state.backup,
      phase: state.phase,
    })),
  }
}

/** What a restore has done. */
export function renderResult(_: Stream, result: RestoreResult): string {
  const { database, kept, exchanged, ledger } = result
  const lines = [
    `${database} holds ${result.backup}: ${plural(result.tables, 'table')}, ${count(result.rows)} rows, each compared, in ${duration(result.seconds)}`,
    ...(ledger ? [`ledger: ${describeLedger(ledger)}`] : []),
    ...(kept
      ? [`the old one is kept as ${kept}: dwh restore --undo exchanges back, dwh restore --finish drops it`]
      : []),
    ...(exchanged ? [] : ['no other database was touched']),
  ]
  return `${lines.map(printable).join('\n')}\n`
}
