import { type Exchanged, findExchange, finishExchange, undoExchange } from '../../backup/restore/conclude.ts'
import { lockRestore, openMaintenance } from '../../backup/restore/server.ts'
import type { Context } from '../../cli/context.ts'
import { bytes, printable } from '../../cli/format.ts'
import type { Session } from '../../postgres/session.ts'
import { connectionOf } from './where.ts'

interface Answers {
  yes: boolean
  dryRun: boolean
  json: boolean
  blockConnections: boolean
}

/** `dwh restore --undo` */
export async function undo(context: Context, folder: string, answers: Answers): Promise<void> {
  await conclude(context, folder, 'undo', answers, {
    plan: ({ live, beside, journal }) =>
      `${live}, restored from ${journal.state.backup}, becomes ${journal.state.into.name}; ${beside.name} becomes ${live}`,
    question: 'Exchange them back?',
    act: async (session, exchanged) => {
      const beside = await undoExchange(session, exchanged, answers.blockConnections)
      context.say(`${exchanged.live} is the old one again; what was restored is kept as ${beside}`)
      return { undone: exchanged.live, beside }
    },
  })
}

/** `dwh restore --finish` */
export async function finish(context: Context, folder: string, answers: Answers): Promise<void> {
  await conclude(context, folder, 'finish', answers, {
    plan: ({ beside }) => {
      const size = beside.bytes === null ? '' : ` (${bytes(beside.bytes)})`
      return `to drop for good, without a way back: ${beside.name}${size}`
    },
    question: 'Drop it?',
    act: async (session, exchanged) => {
      await finishExchange(session, exchanged, answers.blockConnections)
      context.say(`${exchanged.beside.name} is dropped`)
      return { dropped: exchanged.beside.name, database: exchanged.live }
    },
  })
}

async function conclude(
  context: Context,
  folder: string,
  verb: 'undo' | 'finish',
  { yes, dryRun, json }: Answers,
  {
    plan,
    question,
    act,
  }: {
    plan: (exchanged: Exchanged) => string
    question: string
    act: (session: Session, exchanged: Exchanged) => Promise<object>
  },
): Promise<void> {
  const { target, isNamed } = connectionOf(context)
  await using session = await openMaintenance(target, context.work, 'dwh restore')
  const exchanged = await findExchange(session, folder, isNamed ? target.database : undefined, verb)
  context.say(printable(plan(exchanged)))
  const { live, beside } = exchanged
  if (dryRun) return json ? context.printJson({ database: live, beside: beside.name }) : undefined
  if (!(await context.confirm(question, yes))) return context.say('nothing was changed')
  await using _lock = await lockRestore(session, live)
  const done = await act(session, exchanged)
  if (json) context.printJson(done)
}
