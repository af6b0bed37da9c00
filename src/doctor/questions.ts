import type { Question } from './question.ts'
import { analyzed, autovacuum, deadRows } from './questions/autovacuum.ts'
import { drills } from './questions/backups.ts'
import { invalidIndexes, redundantIndexes, unusedIndexes } from './questions/indexes.ts'
import { missingLeaves, runway, targets } from './questions/leaves.ts'
import { deadRuns, keptRows, keptTables, shadowTables } from './questions/leftovers.ts'
import { cores, disk, locks, memory } from './questions/machine.ts'
import { duplicateKeys, nullKeys, rowsOutside } from './questions/rows.ts'
import { seals } from './questions/seals.ts'
import { clientTools, encoding, lz4, primary, privileges, version } from './questions/server.ts'
import { silence } from './questions/silence.ts'
import { timeZones } from './questions/time-zones.ts'
import {
  horizon,
  longTransactions,
  preparedTransactions,
  slots,
  wraparound,
} from './questions/transactions.ts'

export type { Question } from './question.ts'

/** What matters before structure is changed, in the order in which it is told. */
export const fitness: Question[] = [
  version,
  primary,
  encoding,
  lz4,
  privileges,
  disk,
  memory,
  preparedTransactions,
  longTransactions,
]

/** Every question, in the order in which it is told: the server, its machine, its transactions, the tables, the remains. */
export const questions: Question[] = [
  version,
  primary,
  encoding,
  lz4,
  privileges,
  clientTools,
  disk,
  memory,
  cores,
  locks,
  timeZones,
  preparedTransactions,
  longTransactions,
  slots,
  horizon,
  wraparound,
  invalidIndexes,
  redundantIndexes,
  unusedIndexes,
  autovacuum,
  analyzed,
  deadRows,
  targets,
  missingLeaves,
  runway,
  seals,
  drills,
  silence,
  nullKeys,
  rowsOutside,
  duplicateKeys,
  shadowTables,
  keptTables,
  keptRows,
  deadRuns,
]

/** Those that need no row of a user's table. */
export const health: Question[] = questions.filter(
  (question) => ![nullKeys, rowsOutside, duplicateKeys].includes(question),
)
