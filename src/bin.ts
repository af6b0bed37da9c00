import { setFlagsFromString } from 'node:v8'
import { Context } from './cli/context.ts'
import { tellFailure } from './cli/failure.ts'
import { interruption } from './cli/interrupt.ts'
import { parse } from './cli/program.ts'
import { drawEvents } from './cli/progress.ts'
import { openStreams } from './cli/streams.ts'
import { loadCommands } from './commands/index.ts'
import { observed } from './events.ts'

// What was needed to start is enough for the young objects of any command, and what they leave among the old ones is
// collected when it is 40 % of what lives: left to themselves both grow, and a load of millions of rows keeps more than a
// hundred megabytes of garbage.
setFlagsFromString('--semi-space-growth-factor=1')
setFlagsFromString('--heap-growing-percent=40')

const words = process.argv.slice(2)
const streams = openStreams(!words.includes('--no-color'))
process.exitCode = await main()

/** Parses, runs, and turns whatever happened into the exit code. */
async function main(): Promise<number> {
  try {
    const invocation = parse(await loadCommands(words), words)
    if (!invocation) return 0
    const { command, path, globals, input } = invocation
    const { emit, end } = await drawEvents(streams.err, globals.verbose)
    const say = (message: string) => emit({ type: 'note', message })
    const signal = interruption(say, () => process.exit(130))
    try {
      await command.run(
        new Context(
          streams,
          globals,
          { emit: observed(emit), signal },
          path,
          words,
          'dryRun' in command.options,
        ),
        input,
      )
      return 0
    } finally {
      end()
    }
  } catch (error) {
    return tellFailure(streams.err, error, words.includes('--debug'))
  }
}
