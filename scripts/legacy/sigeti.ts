import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { step, type Work } from '../../src/events.ts'
import { literal } from '../../src/postgres/identifiers.ts'
import type { Session } from '../../src/postgres/session.ts'

export interface LegacyOptions {
  /** Of fait_factures; the other tables follow. */
  rows?: number
  /** Percent of the rows of fait_factures and fait_attributions whose key another row has. */
  duplicates?: number
}

/** Rows of fait_factures unless said otherwise. */
const standard = { rows: 1_500_000, duplicates: 2 }

/** The files in their order, and what each is told as. */
const files = {
  '1_sources': 'eight tables of SIGETI',
  '2_dimensions': 'five dimensions',
  '3_facts': 'four facts as plain tables',
  '4_wear': 'seven years of use',
  '5_dependents': 'views, keys, grants and all that hangs on the facts',
}

const facts = ['fait_attributions', 'fait_factures', 'fait_paiements', 'fait_collectes']

/**
 * Makes the database of SIGETI as years of use leave it, in an empty database: eight source tables, five dimensions, and
 * the facts as plain tables with dead rows, repeated keys, documents compressed in several ways or not at all, and
 * everything hanging on them that a careless swap loses. The same rows in the same order every time.
 */
export async function loadLegacySigeti(
  session: Session,
  work: Work,
  { rows, duplicates }: LegacyOptions = {},
): Promise<void> {
  const settings = {
    'legacy.rows': String(rows ?? standard.rows),
    'legacy.duplicates': String(duplicates ?? standard.duplicates),
    // The order in which rows are read is the order in which they are written.
    synchronize_seqscans: 'off',
    synchronous_commit: 'off',
    jit: 'off',
  }
  for (const [name, value] of Object.entries(settings)) {
    await session.run(`SELECT set_config(${literal(name)}, ${literal(value)}, false)`)
  }
  for (const [name, what] of Object.entries(files)) {
    await step(work, what, async () => {
      await session.run(readFileSync(join(import.meta.dirname, 'sql', `${name}.sql`), 'utf8'))
      // Else the rows that were inserted would soon call autovacuum, which would take the dead ones away.
      if (name === '3_facts') for (const fact of facts) await session.run(`VACUUM dwh_facts.${fact}`)
    })
  }
  await step(work, 'statistics', async () => void (await session.run('ANALYZE')))
}

/** Whether the database holds all of it: a load that was interrupted lacks the comment that comes last. */
export async function hasLegacySigeti(session: Session): Promise<boolean> {
  const { whole } = await session.one<{ whole: boolean }>(
    "SELECT obj_description(to_regclass('dwh_facts.fait_factures'), 'pg_class') IS NOT NULL AS whole",
  )
  return whole
}
