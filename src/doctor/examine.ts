import { DwhError, type ErrorCode } from '../errors.ts'
import { literal } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import { hasState, sqlstate } from '../postgres/sqlstate.ts'
import type { Dataset } from '../warehouse/load.ts'
import { type Answer, unknown, type Verdict } from './answer.ts'
import { fitness, health, type Question, questions } from './questions.ts'
import { Subject, type SubjectOptions } from './subject.ts'

/**
 * Asks every question, one after the other; reads only. What cannot be found out (a lock, a missing privilege, a table
 * too large to be read in the time) is an answer too.
 */
export async function examine(
  session: Session,
  datasets: Dataset[],
  options: SubjectOptions = {},
): Promise<Answer[]> {
  return answerQuestions(questions, new Subject(session, datasets, options))
}

/** Asks what can be answered without reading rows of users' tables. */
export async function examineHealth(
  session: Session,
  datasets: Dataset[],
  options: SubjectOptions,
): Promise<Answer[]> {
  return answerQuestions(health, new Subject(session, datasets, options))
}

/** Milliseconds that one question waits for a lock: the size of a table is asked under one. */
const lockTimeout = 1000

/** Asks what matters before structure is changed. */
export async function examineFitness(session: Session, datasets: Dataset[]): Promise<Answer[]> {
  return answerQuestions(fitness, new Subject(session, datasets))
}

/** What must not be answered with no before structure is changed. */
const requirements: Record<string, ErrorCode> = {
  encoding: 'ENCODING_NOT_UTF8',
  primary: 'TARGET_UNFIT',
  privileges: 'PRIVILEGE_MISSING',
  disk: 'DISK_FULL',
}

/** @throws DwhError for the first answer that stands in the way of changing structure */
export function requireFit(answers: Answer[]): void {
  for (const { id, answer, question, finding, mend } of answers) {
    const code = requirements[id]
    if (answer !== 'no' || !code) continue
    throw new DwhError(
      code,
      `${question} ${finding}; nothing was changed`,
      mend ? { hint: mend.text.replaceAll('\n', ' ') } : {},
    )
  }
}

export async function answerQuestions(asked: Question[], subject: Subject): Promise<Answer[]> {
  const { session } = subject
  const { before } = await session.one<{ before: string }>("SELECT current_setting('lock_timeout') AS before")
  await session.run(`SET lock_timeout = ${lockTimeout}`)
  const answers: Answer[] = []
  for (const question of asked) {
    answers.push({ id: question.id, question: question.ask, ...(await answerOrWhyNot(question, subject)) })
  }
  await session.run(`SET lock_timeout = ${literal(before)}`)
  return answers
}

async function answerOrWhyNot(question: Question, subject: Subject): Promise<Verdict> {
  try {
    return await question.answer(subject)
  } catch (error) {
    if (hasState(error, sqlstate.queryCanceled))
      return unknown(`not checked within ${subject.limits.readingSeconds} s`, {
        kind: 'command',
        text: 'dwh doctor --deep',
      })
    if (hasState(error, sqlstate.lockNotAvailable)) return unknown('not checked: somebody holds a lock on it')
    if (hasState(error, sqlstate.insufficientPrivilege, sqlstate.undefinedTable))
      return unknown(`not checked: ${(error as DwhError).message}`)
    throw error
  }
}
