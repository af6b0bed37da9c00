import { command, option, positiveInteger, shared } from '../../cli/command.ts'
import { plural } from '../../cli/format.ts'
import { readable } from '../../maintain/tune/advice.ts'
import { type Tuning, tune as tuneServer } from '../../maintain/tune/tune.ts'
import { byteSize } from '../../warehouse/values.ts'

export const tune = command({
  name: 'tune',
  summary: 'print the settings that this machine and these tables call for, and change nothing',
  description:
    'Compares memory, WAL, parallelism, connections and autovacuum with the machine of the server and the tables of the ' +
    'warehouse, and prints ALTER SYSTEM and ALTER TABLE statements with their reasons, for psql. What is near enough is left out.',
  options: {
    memory: option('--memory <size>', 'of the server’s machine, such as 64 GB', byteSize.optional()),
    cores: option('--cores <n>', 'of the server’s machine', positiveInteger.optional()),
    json: shared.json,
  },
  examples: ['dwh tune', 'dwh -w sigeti tune --memory "64 GB" --cores 16', 'dwh tune --json'],
  async run(context, { memory, cores, json }) {
    await using session = await context.openReadOnly()
    const tuning = await tuneServer(session, context.warehouse(), {
      ...(memory === undefined ? {} : { memory }),
      ...(cores === undefined ? {} : { cores }),
    })
    if (json) context.printJson(tuning)
    else if (tuning.advice.length === 0) context.say('nothing to change')
    else context.print(script(tuning))
  },
})

/** For psql; every reason is a comment. */
function script({ machine, advice }: Tuning): string {
  const lines = [`-- ${readable(machine.memory)} of memory, ${plural(machine.cores, 'core')}`]
  for (const [area, all] of Map.groupBy(advice, (one) => one.area)) {
    lines.push('', `-- ${area}`)
    for (const { statement, why } of all) lines.push(`-- ${why}`, `${statement};`)
  }
  const isSystem = advice.some(({ statement }) => statement.startsWith('ALTER SYSTEM'))
  if (isSystem) lines.push('', 'SELECT pg_reload_conf();')
  const restarts = advice.filter(({ needs_restart }) => needs_restart)
  if (restarts.length > 0) {
    const settings = restarts.map(({ statement }) => statement.split(' ')[3]).join(', ')
    lines.push(`-- then restart the server, for ${settings}`)
  }
  return lines.join('\n')
}
