import { DwhError } from '../errors.ts'
import { type RelationName, shown } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'
import { hasState, sqlstate } from '../postgres/sqlstate.ts'
import { didYouMean } from '../warehouse/nearest.ts'
import type { Leaf } from './tree.ts'

/**
 * @param why in words that follow "… is sealed, "
 * @throws DwhError LEAF_SEALED where the triggers of a seal are on one of these leaves
 */
export function refuseSealed(
  dataset: string,
  leaves: Pick<Leaf, 'schema' | 'name' | 'sealed'>[],
  why: string,
): void {
  const sealed = leaves.filter((leaf) => leaf.sealed)
  if (sealed.length === 0) return
  const names = sealed.slice(0, 3).map(shown).join(', ') + (sealed.length > 3 ? ', …' : '')
  throw new DwhError('LEAF_SEALED', `${names} ${sealed.length === 1 ? 'is' : 'are'} sealed, ${why}`, {
    hint: `type: ${sealCommand('unseal', dataset, sealed)}`,
  })
}

/**
 * What the trigger of a seal has raised, completed by what it cannot know.
 *
 * @param untouched such as `nothing was loaded`
 */
export function tellSealed(error: DwhError, untouched: string): DwhError {
  if (error.code !== 'LEAF_SEALED' || !hasState(error, sqlstate.notInPrerequisiteState)) return error
  const { code, message, cause, hint } = error
  return new DwhError(code, `${message}; ${untouched}`, { cause, ...(hint ? { hint } : {}) })
}

/** Of some leaves those that refuse rows now. Under a lock that writers take it stays true. */
export async function stillSealed<T extends { oid: number }>(session: Session, leaves: T[]) {
  const rows = await session.rows<{ oid: number }>(sql('partitions/sealed'), [leaves.map(({ oid }) => oid)])
  return leaves.map((leaf) => ({ ...leaf, sealed: rows.some(({ oid }) => oid === leaf.oid) }))
}

/** `dwh partitions unseal sales sales_2019`, as a shell wants it. */
export function sealCommand(verb: 'seal' | 'unseal', dataset: string, leaves: { name: string }[]): string {
  const words = leaves.map(({ name }) => (/^\w+$/.test(name) ? name : `'${name.replaceAll("'", "'\\''")}'`))
  return ['dwh partitions', verb, dataset, ...words].join(' ')
}

/**
 * The leaf that somebody has named, with its schema or without.
 *
 * @throws DwhError USAGE for a name that is none
 */
export function namedLeaf(dataset: string, leaves: Leaf[], wanted: string): Leaf {
  const found = leaves.find((leaf) => isCalled(leaf, wanted))
  if (found) return found
  const suggestion = didYouMean(
    wanted,
    leaves.map(({ name }) => name),
  )
  throw new DwhError('USAGE', `${dataset} has no leaf ${JSON.stringify(wanted)}${suggestion}`, {
    hint: `see: dwh partitions list ${dataset}`,
  })
}

export const isCalled = (leaf: RelationName, name: string) => leaf.name === name || shown(leaf) === name
