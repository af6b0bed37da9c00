import type { Command, Group } from '../../cli/command.ts'

/** In the order of the help. A command line loads the code of its own only. */
const members: Record<string, () => Promise<Command>> = {
  plan: async () => (await import('./plan.ts')).backfillPlan,
  run: async () => (await import('./run.ts')).backfillRun,
  work: async () => (await import('./work.ts')).backfillWork,
  list: async () => (await import('./list.ts')).backfillList,
  status: async () => (await import('./status.ts')).backfillStatus,
  pause: async () => (await import('./pause.ts')).backfillPause,
  resume: async () => (await import('./resume.ts')).backfillResume,
  cancel: async () => (await import('./cancel.ts')).backfillCancel,
  retry: async () => (await import('./retry.ts')).backfillRetry,
  verify: async () => (await import('./verify.ts')).backfillVerify,
  accept: async () => (await import('./accept.ts')).backfillAccept,
  undo: async () => (await import('./undo.ts')).backfillUndo,
}

/** @param words of a command line: with those of its commands that it may mean, which are all where it names none */
export async function backfillGroup(words: string[]): Promise<Group> {
  const named = Object.keys(members).filter((name) => words.includes(name))
  const wanted = named.length > 0 ? named : Object.keys(members)
  return {
    name: 'backfill',
    summary: 'years of history from any source, window by window, each exactly once',
    commands: await Promise.all(wanted.map((name) => (members[name] as () => Promise<Command>)())),
  }
}
