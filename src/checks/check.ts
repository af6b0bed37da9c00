import { join } from 'node:path'
import { DwhError } from '../errors.ts'
import type { Dataset, Warehouse } from '../warehouse/load.ts'
import { didYouMean } from '../warehouse/nearest.ts'

/** A question about the data of a dataset: its SQL returns the rows that offend. */
export interface Check {
  dataset: Dataset
  name: string
  /** Absolute path of the SQL. */
  path: string
  severity: 'warning' | 'error'
  /** Offending rows that are accepted. */
  threshold: number
  description: string | undefined
}

/** How a check has ended. Only `failed` and `broken` fail a run. */
export const checkStates = ['passed', 'warned', 'failed', 'broken'] as const
export type CheckState = (typeof checkStates)[number]

/** What came of a check. */
export interface CheckResult {
  check: Check
  /** `broken`: its SQL could not be run, so that nothing is known of the data. */
  state: CheckState
  /** All offending rows; null of a broken check. */
  rows: number | null
  /** The first of them, in the order of the check. */
  sample: Record<string, unknown>[]
  seconds: number
  error: DwhError | undefined
}

/**
 * The checks of some datasets in the order of the warehouse file.
 *
 * @param datasets all unless named
 * @param names of checks; all unless given
 * @throws DwhError USAGE for a name that is none, and where nothing is left
 */
export function chooseChecks(warehouse: Warehouse, datasets: string[], names: string[]): Check[] {
  const known = warehouse.datasets.map(({ name }) => name)
  for (const name of datasets) {
    if (known.includes(name)) continue
    throw new DwhError('USAGE', `there is no dataset ${JSON.stringify(name)}${didYouMean(name, known)}`, {
      hint: 'see: dwh check --list',
    })
  }
  const chosen = warehouse.datasets.filter(({ name }) => datasets.length === 0 || datasets.includes(name))
  const checks = chosen.flatMap((dataset) => checksOf(dataset, warehouse.sqlFolder))
  for (const name of names) {
    if (checks.some((check) => check.name === name)) continue
    const others = [...new Set(checks.map((check) => check.name))]
    const where = datasets.length === 0 ? 'of this warehouse' : `of ${datasets.join(' or ')}`
    throw new DwhError(
      'USAGE',
      `no check ${where} is called ${JSON.stringify(name)}${didYouMean(name, others)}`,
      { hint: 'see: dwh check --list' },
    )
  }
  return names.length === 0 ? checks : checks.filter(({ name }) => names.includes(name))
}

function checksOf(dataset: Dataset, sqlFolder: string): Check[] {
  return Object.entries(dataset.checks).map(([name, { sql, severity, threshold, description }]) => ({
    dataset,
    name,
    path: join(sqlFolder, sql),
    severity,
    threshold,
    description,
  }))
}

/** `measure.coverage` */
export function checkTitle({ dataset, name }: Pick<Check, 'dataset' | 'name'>): string {
  return `${dataset.name}.${name}`
}
