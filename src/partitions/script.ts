import { comment } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import { type LeafPlan, readFurniture } from './create.ts'
import { createLeafStatements } from './leaf-sql.ts'

/** The exact SQL that creates the leaves of a plan, each in its transaction. */
export async function leafScript(session: Session, { parent, dataset, leaves }: LeafPlan): Promise<string> {
  if (!parent || leaves.length === 0) return ''
  const furniture = await readFurniture(session, parent.oid, dataset)
  const scripts = leaves.map((leaf) => {
    const statements = createLeafStatements(parent.name, dataset.partition, leaf, furniture)
    return `BEGIN;\nSET LOCAL lock_timeout = '1s';\n${statements.map((statement) => `${statement};\n`).join('')}COMMIT;\n`
  })
  return `${comment(`${dataset.name}: ${leaves.length} ${leaves.length === 1 ? 'leaf' : 'leaves'}`)}\n${scripts.join('')}`
}
