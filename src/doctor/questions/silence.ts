import { silentJobs } from '../../schedule/silence.ts'
import { byCommand, named, no, unknown, yes } from '../answer.ts'
import type { Question } from '../question.ts'

const day = 86_400

/** A scheduler that died says nothing, and a job that fails at once is always on time. */
export const silence: Question = {
  id: 'silence',
  ask: 'Has every job done what it is there for within its period?',
  async answer({ session, warehouse }) {
    if (warehouse === undefined)
      return unknown('without a warehouse file nobody says what is to be done when')
    const silent = await silentJobs(session, warehouse)
    if (silent.length === 0) return yes()
    const found = silent.map(({ job, done_at, seconds }) => {
      const span = seconds < 2 * day ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / day)} days`
      return done_at ? `${job}: nothing for ${span}` : `${job}: nothing yet, known for ${span}`
    })
    return no(named(found), byCommand('dwh schedule list'))
  },
}
