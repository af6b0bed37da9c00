import { expect } from 'vitest'
import type { Answer } from '../../src/doctor/answer.ts'
import { answerQuestions } from '../../src/doctor/examine.ts'
import { questions } from '../../src/doctor/questions.ts'
import { Subject, type SubjectOptions } from '../../src/doctor/subject.ts'
import { Session } from '../../src/postgres/session.ts'
import type { Target } from '../../src/postgres/target.ts'
import type { Dataset } from '../../src/warehouse/load.ts'
import { quietWork } from '../support/work.ts'
import { lowLimits } from './sick.ts'

/** Asked on a connection that cannot write, as the command does. */
export async function ask(
  target: Target,
  datasets: Dataset[] = [],
  { only, ...options }: SubjectOptions & { only?: string[] } = {},
): Promise<Record<string, Answer>> {
  await using session = await Session.open(target, 'dwh test', quietWork())
  await session.run('SET default_transaction_read_only = on')
  const asked = questions.filter(({ id }) => only?.includes(id) ?? true)
  const answers = await answerQuestions(
    asked,
    new Subject(session, datasets, { limits: lowLimits, ...options }),
  )
  return Object.fromEntries(answers.map((answer) => [answer.id, answer]))
}

/** Executes what mends, statement by statement, as psql would. */
export async function mend(session: Session, { id, mend: way }: Answer): Promise<void> {
  expect([id, way?.kind]).toEqual([id, 'sql'])
  for (const statement of (way?.text ?? '').split(/;$/m)) {
    if (statement.replace(/^--.*$/gm, '').trim() !== '') await session.run(statement)
  }
}

/** `yes: none is`, by the id of the question. */
export const findings = (answers: Record<string, Answer>, ids: string[]) =>
  Object.fromEntries(ids.map((id) => [id, `${answers[id]?.answer}: ${answers[id]?.finding}`]))
