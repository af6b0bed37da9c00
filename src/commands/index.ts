import type { Command, Group } from '../cli/command.ts'

/** Every command by its first word, in the order of the help. A command line loads the code of its own only. */
const entries: Record<string, (words: string[]) => Promise<Command | Group>> = {
  init: async () => (await import('./init/index.ts')).init,
  setup: async () => (await import('./setup/index.ts')).setup,
  status: async () => (await import('./status/index.ts')).status,
  watch: async () => (await import('./watch/index.ts')).watch,
  coverage: async () => (await import('./coverage/index.ts')).coverageCommand,
  doctor: async () => (await import('./doctor/index.ts')).doctor,
  migrate: async () => (await import('./migrate/index.ts')).migrateGroup,
  partitions: async () => (await import('./partitions/index.ts')).partitionsGroup,
  load: async () => (await import('./load/index.ts')).load,
  backfill: async (words) => (await import('./backfill/index.ts')).backfillGroup(words),
  check: async () => (await import('./check/index.ts')).check,
  maintain: async () => (await import('./maintain/index.ts')).maintain,
  tune: async () => (await import('./tune/index.ts')).tune,
  dedup: async () => (await import('./dedup/index.ts')).dedupCommand,
  compress: async () => (await import('./compress/index.ts')).compressGroup,
  backup: async () => (await import('./backup/index.ts')).backupGroup,
  rejects: async () => (await import('./rejects/index.ts')).rejectsGroup,
  restore: async () => (await import('./restore/index.ts')).restore,
  schedule: async () => (await import('./schedule/index.ts')).scheduleGroup,
  alert: async () => (await import('./alert/index.ts')).alertGroup,
  report: async () => (await import('./report/index.ts')).report,
  runs: async () => (await import('./runs/index.ts')).runsGroup,
  config: async () => (await import('./config/index.ts')).configGroup,
  dev: async () => (await import('./dev/index.ts')).dev,
}

/**
 * @param words of a command line: the commands that it may mean, which are all where it names none
 */
export async function loadCommands(words: string[] = []): Promise<(Command | Group)[]> {
  const named = Object.keys(entries).filter((name) => words.includes(name))
  const isHelp = words[0] === '--help' || words[0] === '-h'
  const isOne = named.length > 0 && !isHelp
  const wanted = isOne ? named : Object.keys(entries)
  const load = (name: string) => (entries[name] as NonNullable<(typeof entries)[string]>)(isOne ? words : [])
  return Promise.all(wanted.map(load))
}
