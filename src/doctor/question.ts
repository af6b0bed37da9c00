import type { Verdict } from './answer.ts'
import type { Subject } from './subject.ts'

/** One thing that a DBA would ask, worded so that yes is well. */
export interface Question {
  id: string
  ask: string
  answer(subject: Subject): Verdict | Promise<Verdict>
}
