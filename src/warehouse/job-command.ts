import { splitWords } from './command-line.ts'
import { didYouMean } from './nearest.ts'

/** Every command by its first word, with the second words of those that have some. */
export const commandWords: Readonly<Record<string, readonly string[]>> = {
  ...{ init: [], setup: [], status: [], watch: [], coverage: [], doctor: [] },
  migrate: ['up', 'down', 'status', 'create', 'verify'],
  partitions: ['create', 'list', 'seal', 'unseal', 'archive', 'thaw', 'drop'],
  load: [],
  backfill: [
    ...['plan', 'run', 'work', 'list', 'status', 'pause', 'resume', 'cancel', 'retry', 'verify', 'accept'],
    'undo',
  ],
  ...{ check: [], maintain: [], tune: [], dedup: [] },
  compress: ['audit'],
  backup: ['create', 'list', 'verify', 'drill', 'prune'],
  rejects: ['list', 'show', 'export', 'replay'],
  restore: [],
  schedule: ['run', 'list', 'explain', 'install', 'pause', 'resume'],
  alert: ['test', 'list'],
  report: [],
  runs: ['list', 'show', 'log', 'prune'],
  config: ['show', 'validate'],
  dev: ['start', 'stop', 'status', 'reset', 'psql', 'url'],
}

/** They go on until somebody stops them: a slot of them would never end. */
const endless = ['watch', 'schedule run', 'dev psql']

/** Flags that may stand before the command and take the next word with them. */
const takesWord = ['-w', '--warehouse', '--host', '--port', '--database', '--user']

/**
 * What is wrong with a command of a job, as far as its first words tell.
 *
 * @returns undefined where nothing is, or where the schema has told that it cannot be cut into words
 */
export function wrongCommand(text: string): string | undefined {
  const words = splitWords(text) ?? []
  while (words[0]?.startsWith('-')) words.splice(0, takesWord.includes(words[0]) ? 2 : 1)
  const [first, second = ''] = words
  if (first === undefined) return undefined
  const seconds = Object.hasOwn(commandWords, first) ? commandWords[first] : undefined
  if (!seconds) {
    const hint = didYouMean(first, Object.keys(commandWords))
    const isProgram = first === 'dwh' ? ': leave the word dwh out' : hint
    return `${JSON.stringify(first)} is no command of dwh${isProgram}`
  }
  if (seconds.length > 0 && !seconds.includes(second)) {
    const hint = didYouMean(second, seconds) || `; there are ${seconds.join(', ')}`
    return `${JSON.stringify(`${first} ${second}`.trim())} is no command of dwh${hint}`
  }
  const name = seconds.length > 0 ? `${first} ${second}` : first
  return endless.includes(name)
    ? `${JSON.stringify(name)} goes on until it is stopped: no job for a schedule`
    : undefined
}
