import type { Rename } from '../ledger/conversions.ts'
import {
  dollarQuoted,
  fitName,
  ident,
  literal,
  type RelationName,
  relation,
} from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'

/** An identity column with its sequence. */
export interface IdentityColumn extends RelationName {
  column: string
  always: boolean
  /** As in CREATE SEQUENCE. */
  parameters: string
}

/** The first version in which a partitioned table can have an identity column. */
const identityOnPartitioned = 170_000

export async function readIdentity(session: Session, oid: number): Promise<IdentityColumn[]> {
  return session.rows<IdentityColumn>(sql('convert/identity'), [oid])
}

/** Whether the partitioned table takes identity columns as they are. */
export function keepsIdentity(serverVersion: number): boolean {
  return serverVersion >= identityOnPartitioned
}

/** In plain words, what an older server makes of identity columns. */
export function identityRemarks(
  identity: IdentityColumn[],
  serverVersion: number,
): { losses: string[]; notes: string[] } {
  if (keepsIdentity(serverVersion)) return { losses: [], notes: [] }
  const remark = ({ column }: IdentityColumn, rest: string) =>
    `identity column ${column} becomes a default from a sequence, as PostgreSQL before 17 has no identity on partitioned tables${rest}`
  return {
    losses: identity
      .filter(({ always }) => always)
      .map((one) => remark(one, ': other values are not refused any more')),
    notes: identity.filter(({ always }) => !always).map((one) => remark(one, '')),
  }
}

const shadowSequence = ({ schema, name }: IdentityColumn): RelationName => ({
  schema,
  name: fitName(name, '_dwh_shadow'),
})

/** Gives the shadow table its own sequences, where it cannot have identity columns. */
export function sequencesForShadow(identity: IdentityColumn[], shadow: RelationName): string[] {
  return identity.flatMap((one) => {
    const sequence = relation(shadowSequence(one))
    const column = `${relation(shadow)}.${ident(one.column)}`
    return [
      `CREATE SEQUENCE ${sequence} ${one.parameters}`,
      `ALTER TABLE ${relation(shadow)} ALTER COLUMN ${ident(one.column)} SET DEFAULT nextval(${literal(sequence)}::regclass)`,
      `ALTER SEQUENCE ${sequence} OWNED BY ${column}`,
    ]
  })
}

/** Gives identity columns that LIKE has made a sequence of the name that the swap expects. */
export function nameShadowSequences(identity: IdentityColumn[], shadow: RelationName): string[] {
  return identity.map(
    (one) =>
      `DO ${dollarQuoted(
        `BEGIN EXECUTE format('ALTER SEQUENCE %s RENAME TO %I', ` +
          `pg_get_serial_sequence(${literal(relation(shadow))}, ${literal(one.column)}), ${literal(shadowSequence(one).name)}); END`,
      )}`,
  )
}

/** Hands the position of the sequences over, and exchanges their names. */
export function sequenceHandover(identity: IdentityColumn[]): { statements: string[]; renames: Rename[] } {
  return {
    statements: identity.map((one) => continueFrom(shadowSequence(one), one)),
    renames: identity.flatMap((one): Rename[] => [
      {
        kind: 'sequence',
        role: 'aside',
        schema: one.schema,
        from: one.name,
        to: fitName(one.name, '_before_setup'),
      },
      { kind: 'sequence', role: 'forward', schema: one.schema, from: shadowSequence(one).name, to: one.name },
    ]),
  }
}

/** `SELECT setval(…)`: one sequence goes on where another stands, so that no number is given twice. */
export function continueFrom(sequence: RelationName, other: RelationName): string {
  return `SELECT setval(${literal(relation(sequence))}::regclass, last_value, is_called) FROM ${relation(other)}`
}
