import { bytes, count, plural } from '../../cli/format.ts'
import type {
  RunningChunk,
  TroubledChunk,
  WatchDocument,
  WatchedBackfill,
  WatchedDataset,
  WatchedPeriod,
  WatchedWorker,
} from '../../monitor/watch/document.ts'
import { withoutAddress } from '../../sources/http/trouble.ts'
import { gridSection, type Look, type Section } from './section.ts'
import { clock, pace, paintOf, percent, roughly } from './words.ts'

/** The sections of a document in the order of the screen. */
export function sections(document: WatchDocument, look: Look): Section[] {
  const { backfills } = document
  return [
    ...backfills.flatMap((backfill) => backfill.datasets.map((dataset) => periods(backfill, dataset, look))),
    chunks(backfills, look),
    locks(document, look),
    troubled(backfills, look),
    rejects(backfills, look),
    workers(document, backfills, look),
    latest(document, look),
    others(document, look),
  ].filter((section) => section !== undefined)
}

const telling = [
  'stalled',
  'failed',
  'slow',
  'running',
  'quarantined',
  'planned',
  'cancelled',
  'done',
  'none',
]

function periods(backfill: WatchedBackfill, dataset: WatchedDataset, look: Look): Section | undefined {
  const { table, table_rows: rows, usual_rate: usual } = dataset
  const known = [
    rows === null ? `${table} is not there yet` : `${table} has about ${count(rows)} rows`,
    ...(usual === null ? [] : [`a window usually brings ${pace(usual)} a second`]),
  ]
  return gridSection<WatchedPeriod>(look, {
    priority: 1,
    title: `${dataset.dataset}/${dataset.source}  ${known.join('; ')}`,
    rows: dataset.periods,
    rank: ({ state }) => telling.indexOf(state),
    columns: [
      { title: backfill.grain, value: ({ period }) => period ?? 'all', least: 4 },
      {
        title: 'in table',
        value: ({ table_rows }) => (table_rows === null ? '' : count(table_rows)),
        align: 'right',
        spare: 3,
      },
      { title: 'records', value: ({ records }) => count(records), align: 'right' },
      { title: 'per s', value: ({ rate }) => pace(rate), align: 'right' },
      { title: 'accepted', value: ({ success }) => percent(success), align: 'right', spare: 2 },
      { title: 'windows', value: ({ chunks }) => progressOf(chunks), align: 'right' },
      { title: 'left', value: ({ eta }) => (eta === null ? '' : roughly(eta)), align: 'right', spare: 1 },
      {
        title: 'state',
        value: stateText,
        paint: ({ state }) => paintOf(look.paint, state),
        least: 8,
      },
    ],
  })
}

type Counts = WatchedPeriod['chunks']

/** Windows whose rows are there. */
export const doneOf = ({ done, flagged }: Counts) => done + flagged

const progressOf = (chunks: Counts) =>
  chunks.total === 0 ? '' : `${count(doneOf(chunks))}/${count(chunks.total)}`

/** What is wrong comes with its number. */
function stateText({ state, stalled_since: since, chunks }: WatchedPeriod): string {
  const short = [
    ...(chunks.failed > 0 ? [`${count(chunks.failed)} failed`] : []),
    ...(chunks.quarantined > 0 ? [`${count(chunks.quarantined)} quarantined`] : []),
  ].join(', ')
  if (state === 'failed' || state === 'quarantined') return short
  const told =
    state === 'stalled'
      ? `stalled since ${since ? clock(since) : '?'}`
      : state === 'none'
        ? 'not asked for'
        : state
  return short === '' ? told : `${told}, ${short}`
}

function chunks(backfills: WatchedBackfill[], look: Look): Section | undefined {
  return gridSection<RunningChunk>(look, {
    priority: 2,
    title: '',
    rows: backfills.flatMap(({ running }) => running),
    rank: ({ stalled_since }) => (stalled_since ? 0 : 1),
    columns: [
      { title: 'window at work', value: ({ name }) => name, least: 24 },
      {
        title: 'step',
        value: ({ step, share }) =>
          `${step ?? 'begins'}${share === null || share === 0 ? '' : ` ${Math.floor(share * 100)} %`}`,
      },
      {
        title: 'rows',
        value: ({ rows, step }) => (rows === 0 && step === 'fetch' ? '' : count(rows)),
        align: 'right',
      },
      { title: 'per s', value: ({ rate, rows }) => (rows === 0 ? '' : pace(rate)), align: 'right', spare: 4 },
      {
        title: 'requests',
        value: ({ requests }) => (requests > 0 ? count(requests) : ''),
        align: 'right',
        spare: 3,
      },
      {
        title: 'bytes',
        value: (chunk) => (chunk.bytes > 0 ? bytes(chunk.bytes) : ''),
        align: 'right',
        spare: 5,
      },
      { title: 'since', value: ({ seconds }) => roughly(seconds), align: 'right', spare: 2 },
      {
        title: 'try',
        value: ({ attempt }) => (attempt > 1 ? String(attempt) : ''),
        align: 'right',
        spare: 1,
      },
      {
        title: 'now',
        value: ({ waiting, stalled_since }) => waitText(waiting, stalled_since),
        paint: ({ stalled_since }) => (stalled_since ? look.paint.red : look.paint.yellow),
        least: 22,
      },
    ],
  })
}

function waitText(waiting: RunningChunk['waiting'], since: Date | null): string {
  const wait = waiting
    ? `waits ${waiting.until ? `until ${clock(waiting.until)}:` : 'for'} ${waiting.reason}`
    : ''
  return [since ? `stalled since ${clock(since)}` : '', wait].filter(Boolean).join(', ')
}

function locks({ locks: waits }: WatchDocument, look: Look): Section | undefined {
  return gridSection(look, {
    priority: 2,
    title: '',
    rows: waits,
    columns: [
      { title: 'waits for a lock', value: ({ pid, application }) => `${application} (${pid})`, least: 12 },
      { title: 'on', value: ({ target }) => target, least: 10 },
      { title: 'for', value: ({ seconds }) => roughly(seconds), align: 'right' },
      {
        title: 'held by',
        value: ({ by }) => `${by.role} (${by.pid}) ${by.application} ${by.state}`,
        least: 12,
        paint: () => look.paint.red,
      },
      { title: 'query', value: ({ by }) => by.query, least: 10, spare: 1 },
    ],
  })
}

function troubled(backfills: WatchedBackfill[], look: Look): Section | undefined {
  const rank = { failed: 0, died: 1, quarantined: 2, waiting: 3, flagged: 4 }
  return gridSection<TroubledChunk>(look, {
    priority: 3,
    title: '',
    rows: backfills
      .flatMap((backfill) => backfill.troubled)
      .toSorted((a, b) => rank[a.state] - rank[b.state]),
    columns: [
      { title: 'trouble', value: ({ state }) => state, paint: ({ state }) => paintOf(look.paint, state) },
      { title: 'window', value: ({ name }) => name, least: 20 },
      { title: 'tries', value: ({ attempts }) => String(attempts), align: 'right', spare: 2 },
      { title: 'at', value: ({ at }) => (at ? clock(at) : ''), spare: 1 },
      { title: 'why', value: ({ why }) => withoutAddress(why), least: 32 },
    ],
  })
}

function rejects(backfills: WatchedBackfill[], look: Look): Section | undefined {
  const rejected = backfills.reduce((sum, one) => sum + one.rejects.rejected, 0)
  const examined = backfills.reduce((sum, one) => sum + one.rejects.examined, 0)
  const what =
    examined < rejected ? `rejects (${count(examined)} of ${count(rejected)} looked at)` : 'rejects'
  return gridSection(look, {
    priority: 4,
    title: '',
    rows: backfills.flatMap((one) => one.rejects.causes),
    columns: [
      { title: what, value: (cause) => count(cause.count), align: 'right' },
      { title: 'cause', value: ({ kind }) => kind },
      { title: 'column', value: ({ column, constraint }) => column ?? constraint ?? '', least: 8 },
      { title: 'such as', value: ({ example }) => example, least: 20 },
    ],
  })
}

function workers(
  { workers: all }: WatchDocument,
  backfills: WatchedBackfill[],
  look: Look,
): Section | undefined {
  return gridSection<WatchedWorker>(look, {
    priority: 5,
    title: '',
    rows: all,
    rank: ({ state }) => ['silent', 'dead', 'alive'].indexOf(state),
    columns: [
      { title: 'worker', value: ({ run }) => `run ${run}` },
      { title: 'host', value: ({ host, os_pid }) => `${host}:${os_pid}`, least: 10 },
      { title: 'backfill', value: (worker) => (backfills.length > 1 ? worker.backfills.join(' ') : '') },
      { title: 'windows', value: (worker) => String(worker.chunks), align: 'right' },
      {
        title: 'heartbeat',
        value: ({ heartbeat }) => (heartbeat === null ? '' : `${roughly(heartbeat)} ago`),
        align: 'right',
      },
      { title: 'state', value: ({ state }) => state, paint: ({ state }) => paintOf(look.paint, state) },
    ],
  })
}

function latest({ latest: found }: WatchDocument, look: Look): Section | undefined {
  if (!found) return undefined
  return gridSection(look, {
    priority: 6,
    title: `last rows of ${found.table}`,
    rows: found.rows,
    columns: found.columns.map((name, n) => ({
      title: name,
      value: (row: (string | null)[]) => row[n] ?? '-',
      least: 6,
      ...(n > 1 ? { spare: n } : {}),
    })),
  })
}

function others({ others: runs }: WatchDocument, look: Look): Section | undefined {
  return gridSection(look, {
    priority: 7,
    title: '',
    rows: runs,
    columns: [
      { title: 'also at work', value: ({ run, command }) => `run ${run} ${command}` },
      { title: 'datasets', value: ({ datasets }) => datasets.join(' '), least: 8 },
      { title: 'since', value: ({ seconds }) => roughly(seconds), align: 'right' },
      { title: 'last step', value: ({ step }) => step ?? '', least: 8 },
    ],
  })
}

/** `2 failed, 1 quarantined` */
export function shortfall({ failed, quarantined, flagged, waiting }: WatchedBackfill['chunks']): string[] {
  return [
    ...(failed > 0 ? [`${count(failed)} failed`] : []),
    ...(quarantined > 0 ? [`${count(quarantined)} quarantined`] : []),
    ...(flagged > 0 ? [`${count(flagged)} flagged`] : []),
    ...(waiting > 0 ? [`${plural(waiting, 'waits', 'wait')} for another try`] : []),
  ]
}
