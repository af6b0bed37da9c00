import { Temporal } from 'temporal-polyfill'
import { DwhError } from '../errors.ts'
import { boundDate, limits, rangeCondition, unknownCondition } from '../partitions/bounds.ts'
import type { PlannedLeaf } from '../partitions/plan.ts'
import { ident, relation, shown } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import type { ProofColumn } from '../proof/columns.ts'
import { addProofs, emptyProof, type Proof, proveParts } from '../proof/hash.ts'
import type { ConversionPlan } from './plan.ts'
import { partSql } from './rows.ts'
import type { Superseded } from './set-aside.ts'

/** A proof for each leaf, by its name. */
export type LeafProofs = Map<string, Proof>

/** Both halves of a table: the rows that stay, by leaf, and those that are set aside. */
export interface PlainProofs {
  leaves: LeafProofs
  aside: Proof
}

/** The part of superseded rows: no leaf has a negative number. */
const asidePart = -1

/**
 * What the rows of the plain table prove, leaf by leaf and apart from them the superseded ones, reading the table once.
 *
 * @throws DwhError ROWS_UNFIT when a row belongs to no leaf: it came after the plan
 */
export async function provePlain(
  session: Session,
  plan: ConversionPlan,
  columns: ProofColumn[],
  superseded?: Superseded,
): Promise<PlainProofs> {
  const { starts, leafOf } = segments(plan)
  const part = partSql(plan.dataset.partition, starts)
  const plain = `ONLY ${relation(plan.table)} AS source`
  const parts = superseded
    ? await proveParts(
        session,
        columns,
        `${plain} LEFT JOIN ${relation(superseded.places)} AS places ON places.${ident(superseded.place)} = source.ctid`,
        `CASE WHEN places.${ident(superseded.place)} IS NULL THEN ${part} ELSE ${asidePart} END`,
      )
    : await proveParts(session, columns, plain, part)
  const aside = parts.get(asidePart) ?? emptyProof
  parts.delete(asidePart)
  const byLeaf = new Map<string, Proof[]>()
  for (const [part, proof] of parts) {
    const leaf = leafOf(part)
    if (!leaf) {
      throw new DwhError(
        'ROWS_UNFIT',
        `${proof.rows} rows without a leaf came into ${shown(plan.table)} after the plan was made`,
        {
          hint: 'run the same command again: it plans anew; the table is as it was',
        },
      )
    }
    byLeaf.set(leaf.name, [...(byLeaf.get(leaf.name) ?? []), proof])
  }
  const leaves = new Map(plan.leaves.map(({ name }) => [name, addProofs(byLeaf.get(name) ?? [emptyProof])]))
  return { leaves, aside }
}

/** What the rows of the shadow tree prove, leaf by leaf. */
export async function proveShadow(
  session: Session,
  plan: ConversionPlan,
  columns: ProofColumn[],
): Promise<LeafProofs> {
  const { oids } = await session.one<{ oids: Record<string, number> }>(
    'SELECT json_object_agg(c.relname, c.oid::int8) AS oids FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid ' +
      'WHERE i.inhparent = $1::regclass',
    [relation(plan.shadow)],
  )
  const parts = await proveParts(session, columns, relation(plan.shadow), 'tableoid::int8')
  return new Map(plan.leaves.map(({ name }) => [name, parts.get(oids[name] ?? -1) ?? emptyProof]))
}

/** The condition of the rows of a leaf, for copying it again. */
export function leafCondition(plan: ConversionPlan, leaf: PlannedLeaf): string {
  const policy = plan.dataset.partition
  return leaf.range ? rangeCondition(policy, leaf.range) : unknownCondition(policy)
}

/** Cuts the line of keys at every bound of a leaf, and says which leaf each segment belongs to. */
function segments({ dataset: { partition: policy }, leaves }: ConversionPlan) {
  const { compare } = Temporal.PlainDate
  const { floor, ceiling } = limits(policy)
  const spans = leaves.flatMap((leaf) => {
    const from = leaf.range && boundDate(policy, leaf.range.from)
    const to = leaf.range && boundDate(policy, leaf.range.to)
    return from && to ? [{ leaf, from, to }] : []
  })
  const unknown = leaves.find(({ range }) => range === undefined)
  const cuts = [floor, ceiling, ...spans.flatMap(({ from, to }) => [from, to])].toSorted(compare)
  const starts = cuts.filter(
    (cut, index) => index === 0 || compare(cut, cuts[index - 1] as Temporal.PlainDate) !== 0,
  )
  const leafOf = (part: number | null): PlannedLeaf | undefined => {
    const start = part === null || part === 0 ? undefined : starts[part - 1]
    if (!start) return unknown
    const span = spans.find(({ from, to }) => compare(from, start) <= 0 && compare(start, to) < 0)
    return span?.leaf ?? (compare(start, floor) < 0 || compare(start, ceiling) >= 0 ? unknown : undefined)
  }
  return { starts, leafOf }
}
