import { planConversion } from '../convert/plan.ts'
import { type PlainTable, readPlainTable } from '../convert/table.ts'
import { DwhError } from '../errors.ts'
import { isPartitioned } from '../partitions/create.ts'
import { fitName, relation } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import { hasState, sqlstate } from '../postgres/sqlstate.ts'
import { datasetSchema } from '../warehouse/dataset.ts'
import { findCore, yearlyRows } from './grain.ts'
import { chooseKey, type KeyChoice } from './keys.ts'
import { type Candidate, rankCandidates } from './partition-key.ts'
import { type Field, proposePolicy, zoneFor } from './policy.ts'
import { sampleTable } from './sample.ts'
import { bounded, type KeySurvey, surveyKey } from './survey.ts'
import type { Listing } from './tables.ts'

/** A table that becomes a dataset. */
export interface Proposal {
  table: Listing
  survey: KeySurvey
  /** Rows of the last year that the rows are about. */
  yearlyRows: number
  /** The candidates for its partition key, the chosen one first. */
  candidates: Candidate[]
  key: KeyChoice
  policy: Field[]
  /** Leaves that setup would make; undefined where that is not known. */
  leaves: number | undefined
  /** Why the policy is not put into force. */
  obstacle: Obstacle | undefined
  /** Columns whose values are large enough to be compressed, with their average size in bytes. */
  wide: { name: string; bytes: number }[]
}

/** In plain words, what leaves could not keep, or why setup refuses the table as it is. */
export interface Obstacle {
  kind: 'loss' | 'refusal'
  text: string
}

/** A table that is left as it is, and why. */
export interface LeftAlone {
  table: Listing
  reason: string
}

export interface Thoroughness {
  /** Tables with fewer rows (and less than a few bytes a row) are not worth leaves. */
  leastRows: number
  /** Seconds that reading the rows of one table may take. */
  seconds: number
}

/** A candidate with less speaks against itself more than for itself. */
const leastScore = 45
/** Tables of this size are worth leaves however few rows they have. */
const leastBytes = 256 * 1024 ** 2
/** Years of growth that are looked ahead. */
const foresight = 5

/**
 * What a table could become; reads its rows.
 *
 * @param asked by name: then its size does not count
 */
export async function propose(
  session: Session,
  table: Listing,
  asked: boolean,
  { leastRows, seconds }: Thoroughness,
): Promise<Proposal | LeftAlone> {
  const leave = (reason: string): LeftAlone => ({ table, reason })
  const unfit = whyUnfit(table)
  if (unfit) return leave(unfit)
  const isLarge = (rows: number) => asked || rows >= leastRows || table.bytes >= leastBytes
  if (!isLarge(table.rows * foresight)) return leave('small')
  const plain = await readPlainTable(session, table.oid, {
    schema: table.schema,
    name: fitName(table.name, '_before_setup'),
  })
  const sample = await bounded(session, seconds, () => sampleTable(session, plain))
  if (sample.rows === 0) return leave('empty')
  const candidates = rankCandidates(plain, sample)
  const [best] = candidates
  if (!best) return leave('no column holds the dates of its rows')
  if (best.score < leastScore)
    return leave(`its only dates make no good leaves: ${best.key.join(', ')} (${best.reasons.join('; ')})`)
  const zone = await zoneFor(session, best)
  const survey = await surveyKey(session, plain, best, zone, seconds)
  const core = findCore(survey.occupied)
  const growth = yearlyRows(core)
  if (!isLarge(Math.max(table.rows, survey.rows) + foresight * growth))
    return leave('small, and hardly grows')
  const key = chooseKey(plain, best.key)
  const policy = await proposePolicy(session, plain, best, zone, survey, core)
  const { leaves, obstacle } = await tryOut(session, plain, key, policy, survey.exact ? seconds : 5)
  const wide = sample.widths.filter(({ bytes }) => bytes >= worthCompressing)
  return { table, survey, yearlyRows: growth, candidates, key, policy, leaves, obstacle, wide }
}

/** Bytes of a value below which it is not worth telling: compression begins where a row exceeds 2 kB. */
const worthCompressing = 500

/** Why a table is not looked at any closer. */
function whyUnfit(table: Listing): string | undefined {
  if (table.kind === 'p') return `partitioned already, by ${table.partition_key}`
  if (table.kind === 'f') return 'a foreign table: its rows are elsewhere'
  if (/_(before_setup|after_setup|dwh_shadow|dwh_places|duplicates)$/.test(table.name))
    return 'by its name, what dwh has put aside'
  if (table.is_unlogged) return 'unlogged: a crash empties it'
  if (table.is_inherited) return 'part of an inheritance tree'
  if (!table.may_read) return 'this role may not read it'
  if (!table.is_owner) return `it belongs to ${table.owner}, and only its owner can convert it`
  return undefined
}

/** Plans the conversion as setup would, so that what is written works as it stands. */
async function tryOut(
  session: Session,
  table: PlainTable,
  { key, recency, nullsEqual }: KeyChoice,
  policy: Field[],
  seconds: number,
): Promise<Pick<Proposal, 'leaves' | 'obstacle'>> {
  const file = {
    target: relation(table),
    ...(key ? { key, nulls_equal: nullsEqual } : {}),
    ...(key && recency ? { recency } : {}),
    partition: Object.fromEntries(policy.map(({ name, value }) => [name, value])),
  }
  const dataset = { name: 'init', ...datasetSchema.parse(file) }
  const unknown = { leaves: undefined, obstacle: undefined }
  if (!isPartitioned(dataset)) return unknown
  try {
    const plan = await bounded(session, seconds, () => planConversion(session, dataset, table.oid, []))
    const loss: Obstacle = { kind: 'loss', text: plan.losses.join('; ') }
    return { leaves: plan.leaves.length, obstacle: plan.losses.length > 0 ? loss : undefined }
  } catch (error) {
    if (hasState(error, sqlstate.queryCanceled)) return unknown
    if (!(error instanceof DwhError) || error.cause !== undefined) throw error
    const text = error.message.replace(/; nothing was changed$/, '')
    return { leaves: undefined, obstacle: { kind: 'refusal', text } }
  }
}

export function isProposal(found: Proposal | LeftAlone): found is Proposal {
  return 'policy' in found
}
