import {
  comment,
  dollarQuoted,
  identList,
  type RelationName,
  relation,
  shown,
} from '../postgres/identifiers.ts'
import type { ProofColumn } from '../proof/columns.ts'
import { proofAggregates } from '../proof/hash.ts'
import { copyStatement } from './copy.ts'
import { duplicateRule } from './duplicates.ts'
import { keptForeignKeys, leafForeignKeyStatements, parentForeignKeyStatements } from './foreign-keys.ts'
import { leafIndexes } from './leaf-indexes.ts'
import { rebuildStatements } from './materialized-views.ts'
import type { ConversionPlan } from './plan.ts'
import { supersededStatements } from './set-aside.ts'
import { parentIndexStatements, shadowStatements } from './shadow.ts'
import { planExchange, replacements, replicaIdentityStatements } from './swap.ts'

/**
 * A conversion as a script for psql, in one transaction: for reading, for a review, or for running by hand. It is the
 * same work with one connection instead of several, without the ledger and without resuming.
 */
export function conversionScript(plan: ConversionPlan, columns: ProofColumn[], lz4: boolean): string {
  const { table, shadow, before, leaves } = plan
  const views = table.dependents.materializedViews
  const standIns = replacements(plan, views)
  const exchange = planExchange(plan, table.dependents)
  const rule = plan.duplicates.rows > 0 ? duplicateRule(plan.dataset, table) : undefined
  const superseded = rule && supersededStatements(plan, rule)
  const proof = (from: string) =>
    `(SELECT ROW(p.*) FROM (SELECT ${proofAggregates(columns)} FROM ${from}) AS p)`
  const comparison = (one: string, other: string) =>
    `\nBEGIN\n  IF ${proof(one)} <> ${proof(other)} THEN\n    RAISE EXCEPTION 'the copy differs';\n  END IF;\nEND\n`
  const statements = [
    comment(
      `${shown(table)}: ${plan.rows.rows} rows into ${plan.leaves.length} leaves. Writers wait until the end, readers for the renames.`,
    ),
    'BEGIN;',
    `LOCK TABLE ${relation(table)} IN SHARE MODE;`,
    ...terminated(shadowStatements(plan, lz4)),
    ...terminated(superseded ? [...superseded.note, ...superseded.setAside] : []),
    ...terminated([copyStatement(plan, lz4, superseded?.names)]),
    ...terminated(leafIndexes(plan).map(({ build }) => build)),
    ...terminated(parentIndexStatements(plan)),
    ...leafIndexes(plan).flatMap(({ promote, adopt }) => terminated(promote ? [promote, adopt] : [adopt])),
    ...terminated(replicaIdentityStatements(plan)),
    ...keptForeignKeys(plan.table).flatMap((key) => [
      ...leaves.flatMap((leaf) => terminated(Object.values(leafForeignKeyStatements(key, leaf)))),
      ...terminated(parentForeignKeyStatements(plan.shadow, key)),
    ]),
    '-- Both sides must be equal, or the script ends here and nothing has changed.',
    `DO ${dollarQuoted(comparison(`ONLY ${relation(table)}`, superseded ? both(columns, shadow, superseded.names.aside) : relation(shadow)))};`,
    ...terminated(superseded ? [`DROP TABLE ${relation(superseded.names.places)}`] : []),
    ...leaves.map((leaf) => `ANALYZE ${relation(leaf)};`),
    `ANALYZE ${relation(shadow)};`,
    ...views.flatMap((view) => terminated(rebuildStatements(view, standIns, true))),
    "SET LOCAL lock_timeout = '3s';",
    `LOCK TABLE ${relation(table)}, ${relation(shadow)} IN ACCESS EXCLUSIVE MODE;`,
    ...terminated(exchange.statements),
    'COMMIT;',
    ...terminated(exchange.validate),
    comment(`The plain table is kept as ${shown(before)}. When all is well: DROP TABLE ${relation(before)};`),
  ]
  return `${statements.join('\n')}\n`
}

/** The rows that stay and those that are set aside are together those that were. */
function both(columns: ProofColumn[], shadow: RelationName, aside: RelationName): string {
  const list = identList(columns.map(({ name }) => name))
  return `(SELECT ${list} FROM ${relation(shadow)} UNION ALL SELECT ${list} FROM ${relation(aside)}) AS together`
}

const terminated = (statements: string[]) => statements.map((statement) => `${statement};`)
