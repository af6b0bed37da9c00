import { DwhError, type ErrorCode } from '../errors.ts'
import type { Session } from '../postgres/session.ts'
import type { Dataset } from '../warehouse/load.ts'
import type { Answer } from './answer.ts'
import { type Facts, gatherFacts } from './facts.ts'
import { questions } from './questions.ts'

/** Asks every question; reads only. */
export async function examine(session: Session, datasets: Dataset[]): Promise<Answer[]> {
  return answer(await gatherFacts(session, datasets))
}

export function answer(facts: Facts): Answer[] {
  return questions.map((question) => question(facts))
}

/** What must be answered with yes (or cannot be known) before structure is changed. */
const requirements: Record<string, ErrorCode> = {
  version: 'SERVER_TOO_OLD',
  encoding: 'ENCODING_NOT_UTF8',
  primary: 'TARGET_UNFIT',
  privileges: 'PRIVILEGE_MISSING',
  disk: 'DISK_FULL',
}

/** @throws DwhError for the first answer that stands in the way of changing structure */
export function requireFit(answers: Answer[]): void {
  for (const { id, ok, question, finding, mend } of answers) {
    const code = requirements[id]
    if (ok !== false || !code) continue
    throw new DwhError(code, `${question} ${finding}; nothing was changed`, mend ? { hint: mend } : {})
  }
}
