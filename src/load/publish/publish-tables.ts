import { Temporal } from 'temporal-polyfill'
import { DwhError, toDwhError } from '../../errors.ts'
import type { Work } from '../../events.ts'
import { type LoadFigures, openLoad } from '../../ledger/loads.ts'
import { identList, type RelationName, relation, shown } from '../../postgres/identifiers.ts'
import type { Session } from '../../postgres/session.ts'
import type { Window } from '../../sources/window.ts'
import type { Dataset } from '../../warehouse/load.ts'
import type { ChunkLoad } from '../chunk.ts'
import { placeColumn, readTableColumns } from '../columns.ts'
import { Landing } from '../landing.ts'
import { giveUp, removeLeftovers } from '../leftovers.ts'
import type { Hands } from '../options.ts'
import type { LoadPlan } from '../plan.ts'
import type { Loaded } from '../run.ts'
import { type LoadTarget, readTarget } from '../target.ts'
import { daysWithRows } from './days.ts'
import { readyLeaf } from './kept-leaf.ts'
import { publish } from './publish.ts'
import type { ReadyLeaf } from './ready-leaf.ts'
import { Territory } from './territory.ts'

interface KeptTable extends RelationName {
  /** It was a leaf of the target, and has all that belongs to one. */
  isLeaf: boolean
}

/** Rows that are kept beside a dataset and shall come into it. */
export interface KeptRows {
  warehouse: string
  dataset: Dataset
  window: Window | undefined
  parameters: Record<string, string>
  /** None: what is there goes, and nothing takes its place. */
  tables: KeptTable[]
  /** What they are called in the ledger. */
  name: string
  how: 'accept' | 'undo' | 'scope'
  chunk: Pick<ChunkLoad, 'replaces' | 'yields' | 'others' | 'expects' | 'keepsAs' | 'tables' | 'concluding'>
}

/**
 * Brings rows of tables beside a dataset into it, as the end of a load would: in one last transaction, with `chunk.concluding`
 * in it. A table that was a leaf of the dataset becomes that again, without a copy, where the chunk stands for all of it. The
 * tables themselves stay where they are unless they have become leaves: whoever concludes drops them.
 *
 * Locks: those of a load.
 *
 * @throws DwhError TARGET_UNFIT where a table is gone, ROWS_UNFIT, LEAF_SEALED, LOCK_HELD, LEASE_LOST
 */
export async function publishTables(
  session: Session,
  work: Work,
  hands: Hands,
  kept: KeptRows,
  run: number,
): Promise<Loaded> {
  const columns = await columnsOf(session, kept)
  // Its rows are rows of the dataset already: nothing is computed, and nothing of them is refused.
  const dataset: Dataset = { ...kept.dataset, map: {}, references: {} }
  const target = await readTarget(session, dataset, columns)
  await removeLeftovers(session, work, target, kept.name)
  const load = await openLoad(session, {
    run,
    warehouse: kept.warehouse,
    dataset: dataset.name,
    table: dataset.target,
    input: kept.name,
    mapping: `${kept.how} of ${kept.name} by run ${run}`,
    strategy: kept.how,
  })
  try {
    const figures = await bring(session, work, hands, kept, { target, load, columns })
    return { load, ...figures }
  } catch (thrown) {
    await giveUp(session, load, toDwhError(thrown))
    throw thrown
  }
}

interface Bringing {
  target: LoadTarget
  load: number
  /** That the tables have for those of the target. */
  columns: string[]
}

async function bring(
  session: Session,
  work: Work,
  hands: Hands,
  kept: KeptRows,
  { target, load, columns }: Bringing,
): Promise<LoadFigures> {
  const { tables, chunk } = kept
  const territory = new Territory(target.dataset, kept.parameters, kept.window, chunk.yields)
  await refuseBeside(session, target, territory, tables)
  const clears = chunk.replaces || target.dataset.key === undefined
  // As for the rows of a file: nobody has said that those without a key or a scope stand for all of their days.
  const mayReplace = chunk.replaces || target.dataset.scope !== undefined
  const kind = target.leaves && target.isAligned && target.obstacles.length === 0 ? 'leaves' : 'staging'
  const leaves: ReadyLeaf[] = []
  const rows: RelationName[] = []
  for (const table of tables) {
    const leaf =
      table.isLeaf && clears && kind === 'leaves'
        ? await readyLeaf(session, work.signal, target, territory, table)
        : undefined
    if (leaf) leaves.push(leaf)
    else rows.push(table)
  }
  const landing = await Landing.create(session, load, target.dataset, target, target.columns, kind)
  let records = leaves.reduce((sum, leaf) => sum + leaf.rows, 0)
  for (const table of rows) records += await fill(session, target, landing, table, columns)
  return publish(
    session,
    work,
    hands,
    {
      load,
      plan: planOf(target, territory, kind, { clears, mayReplace }, kept.name, records),
      landing,
      records,
      rejected: 0,
      // They came from nowhere else.
      digest: { bytes: 0, sha256: '' },
      tell: async () => {},
      kept: { leaves },
    },
    {
      warehouse: kept.warehouse,
      onDuplicate: 'newest',
      budget: { records: 0 },
      again: true,
      prove: true,
      jobs: hands.crew.sessions.length,
      decimalComma: false,
      chunk: { ...chunk, window: kept.window, judge: async () => 'publish' },
    },
  )
}

/**
 * Without a key rows that are kept would stand beside those of a source that has precedence, and left out they would be lost.
 *
 * @throws DwhError ROWS_UNFIT
 */
async function refuseBeside(
  session: Session,
  { dataset }: LoadTarget,
  { spared }: Territory,
  tables: RelationName[],
): Promise<void> {
  if (spared === undefined || dataset.key) return
  let rows = 0
  for (const table of tables) {
    const found = await session.one<{ rows: number }>(
      `SELECT count(*) AS rows FROM ${relation(table)} WHERE ${spared}`,
    )
    rows += found.rows
  }
  if (rows === 0) return
  throw new DwhError(
    'ROWS_UNFIT',
    `${rows.toLocaleString('en')} of the rows that are kept aside are of days that a source of a higher priority has brought since: without a key they would stand beside its rows; nothing was changed`,
    {
      hint: `undo the backfill of that source first; or give both sources of ${dataset.name} one \`priority\` for this command, and they stand beside each other`,
    },
  )
}

function planOf(
  target: LoadTarget,
  territory: Territory,
  landing: LoadPlan['landing'],
  { clears, mayReplace }: Pick<LoadPlan, 'clears' | 'mayReplace'>,
  why: string,
  rows: number,
): LoadPlan {
  const nothing = { dates: [], touched: [], missing: [], sealed: [], sampled: { records: 0, refused: 0 } }
  const strategy = clears ? 'scope' : 'merge'
  return {
    target,
    strategy,
    why,
    landing,
    rows,
    ...nothing,
    scope: undefined,
    mayReplace,
    territory,
    clears,
  }
}

/** Copies the rows of a table into a landing, whose leaves are made for them. */
async function fill(
  session: Session,
  { dataset: { partition: policy } }: LoadTarget,
  landing: Landing,
  table: RelationName,
  columns: string[],
): Promise<number> {
  if (policy && !landing.isPlain) {
    const days = await daysWithRows(session, policy, [table])
    const dates = [...days].filter((day) => day !== '').map((day) => Temporal.PlainDate.from(day))
    await landing.reach(session, dates)
  }
  const list = identList(columns)
  const [place, number] = landing.isPlaced ? [`${placeColumn}, `, 'row_number() OVER (), '] : ['', '']
  return session.run(
    `INSERT INTO ${relation(landing.name)} (${place}${list}) OVERRIDING SYSTEM VALUE SELECT ${number}${list} FROM ${relation(table)}`,
  )
}

/**
 * The columns of the target that every table has; what a column that came later lacks is its default.
 *
 * @throws DwhError TARGET_UNFIT where a table is gone
 */
async function columnsOf(session: Session, { dataset: { target }, tables }: KeptRows): Promise<string[]> {
  const read = async (name: RelationName) => {
    const { oid } = await session.one<{ oid: number | null }>('SELECT to_regclass($1)::oid::bigint AS oid', [
      relation(name),
    ])
    if (oid === null)
      throw new DwhError('TARGET_UNFIT', `there is no table ${shown(name)} any more; nothing was changed`)
    return readTableColumns(session, oid)
  }
  let columns = (await read(target)).filter(({ generated }) => !generated).map(({ name }) => name)
  for (const table of tables) {
    const there = new Set((await read(table)).map(({ name }) => name))
    columns = columns.filter((name) => there.has(name))
  }
  return columns
}
