import type { DwhError } from '../../errors.ts'
import { hasState, hasStateClass, sqlstate } from '../../postgres/sqlstate.ts'

/**
 * How much is looked at before the server is shown a batch.
 *
 * - `none`: nothing: the records go as they stand, or all at once by what they are made of.
 * - `types`: fields are compared with the types of their columns, and what is in doubt is judged by the server.
 * - `all`: rows go by a table without constraints, where the server finds all that breaks one.
 */
export type Care = 'none' | 'types' | 'all'

/** What a batch that did not arrive has failed with. */
export type Fault = 'value' | 'constraint' | 'leaf'

/** How the batches of one load begin, decided by what the ones before have failed with. */
export interface Caution {
  readonly care: Care
  /** How to go on with a batch after a fault. */
  learn(fault: Fault): Care
}

/** Of rows that are copied: what was wrong once is looked for in all that follow, unless only a leaf was missing. */
export class LastingCaution implements Caution {
  care: Care
  readonly #knowsTypes: boolean

  constructor(first: Care, knowsTypes: boolean) {
    this.care = first
    this.#knowsTypes = knowsTypes
  }

  learn(fault: Fault): Care {
    if (fault === 'leaf') return 'all'
    const care: Care = fault === 'value' && this.#knowsTypes ? 'types' : 'all'
    if (this.care === 'none' || care === 'all') this.care = care
    return care
  }
}

/**
 * Of rows that are brought at once, for which all care costs three times as much: each fault makes twice as many batches careful as
 * the one before. So many faults cost little, and few do too; what a fault has written takes room in the landing.
 */
export class PassingCaution implements Caution {
  #next = 1
  #left = 0

  get care(): Care {
    if (this.#left === 0) return 'none'
    this.#left--
    return 'all'
  }

  learn(fault: Fault): Care {
    if (fault !== 'leaf') {
      this.#left = this.#next
      this.#next *= 2
    }
    return 'all'
  }
}

export function faultOf(error: DwhError): Fault {
  if (error.code === 'ROWS_UNFIT') return 'leaf'
  return hasState(error, sqlstate.checkViolation, sqlstate.foreignKeyViolation) ? 'constraint' : 'value'
}

/**
 * Values that are no values of their type, rows that break a constraint, that a trigger refuses, or that are too large. A
 * unique key is no fault of one row.
 */
export function isOfData(error: unknown): boolean {
  return hasStateClass(error, '22', '23', '54', 'P0') && !hasState(error, sqlstate.uniqueViolation)
}
