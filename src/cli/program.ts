import { Command as Commander, CommanderError, Option as CommanderOption } from 'commander'
import { z } from 'zod'
import { DwhError, exitCodes } from '../errors.ts'
import { packageVersion } from '../package.ts'
import { expectation } from '../warehouse/explain.ts'
import { type Command, describePart, type Group } from './command.ts'
import type { Globals } from './context.ts'

/** What the command line asked for. */
export interface Invocation {
  command: Command
  /** `migrate up` */
  path: string
  globals: Globals
  input: Record<string, unknown>
}

const globalOptions = [
  new CommanderOption(
    '-w, --warehouse <name|path>',
    'the warehouse file: a path, or the name of one that ships',
  ),
  new CommanderOption('--host <host>', 'host of the database, or the folder of its socket'),
  new CommanderOption('--port <port>', 'port of the database'),
  new CommanderOption('--database <name>', 'name of the database'),
  new CommanderOption('--user <name>', 'role to connect as'),
  new CommanderOption('-v, --verbose', 'show every statement'),
  new CommanderOption('--debug', 'show stacks of errors'),
  new CommanderOption('--no-color', 'no colours'),
]

/**
 * Builds the program from its commands and groups.
 *
 * @param chosen is called with what the command line asked for; nothing has run by then
 */
export function buildProgram(
  commands: (Command | Group)[],
  chosen: (invocation: Invocation) => void,
): Commander {
  const program = new Commander('dwh')
    .description(
      'Runs a PostgreSQL data warehouse: planned before it runs, online while it runs, proved when it ends.',
    )
    .version(packageVersion, '-V, --version')
    .usage('[options] <command>')
    .helpCommand(false)
    .addHelpText(
      'after',
      [
        ...section('Exit codes', codeLines(exitCodes)),
        ...section('Examples', ['dwh dev start', 'dwh -w sigeti setup', 'dwh status']),
        '\nHelp: dwh <command> --help',
      ].join('\n'),
    )
  for (const globalOption of globalOptions) program.addOption(globalOption)
  for (const entry of commands) {
    if ('commands' in entry) {
      const group = program
        .command(entry.name)
        .summary(entry.summary)
        .description(entry.summary)
        .helpCommand(false)
      for (const member of entry.commands) addCommand(group, member, `${entry.name} ${member.name}`, chosen)
    } else {
      addCommand(program, entry, entry.name, chosen)
    }
  }
  return refuseByThrowing(program)
}

/** Parses the words of a command line. `undefined` when help or the version was asked for and printed. */
export function parse(commands: (Command | Group)[], words: string[]): Invocation | undefined {
  let invocation: Invocation | undefined
  const program = buildProgram(commands, (found) => {
    invocation = found
  })
  try {
    program.parse(words, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) return undefined
    // commander shows the help of a group that is called without a command
    if (error.code === 'commander.help')
      throw new DwhError('USAGE', 'a command is missing; the words above say which')
    throw new DwhError('USAGE', error.message.replace(/^error: /, ''), { hint: 'see: dwh --help' })
  }
  return invocation
}

function addCommand(
  parent: Commander,
  spec: Command,
  path: string,
  chosen: (invocation: Invocation) => void,
): void {
  const { name, summary, description, exits, examples } = spec
  const commander = parent
    .command(name)
    .summary(summary)
    .description(description ?? summary)
  for (const argument of Object.values(spec.arguments))
    commander.argument(argument.notation, describePart(argument))
  for (const [attribute, spelled] of Object.entries(spec.options)) {
    const option = new CommanderOption(spelled.flags, describePart(spelled))
    if (option.attributeName() !== attribute)
      throw new TypeError(`${path}: ${spelled.flags} is not called ${attribute}`)
    commander.addOption(option)
    if (spelled.negatable)
      commander.addOption(
        new CommanderOption(spelled.flags.replace('--', '--no-'), 'the contrary').hideHelp(),
      )
  }
  commander.addHelpText(
    'after',
    [
      ...section('Exit codes', codeLines(exits)),
      ...section('Examples', examples),
      '\nOptions of every command, and what other exit codes mean: dwh --help',
    ].join('\n'),
  )
  commander.action(() => {
    const typed = { ...fromArguments(spec, commander.processedArgs), ...commander.opts() }
    chosen({
      command: spec,
      path,
      globals: {
        verbose: false,
        debug: false,
        ...commander.optsWithGlobals<Omit<Globals, 'verbose' | 'debug'>>(),
      },
      input: read(spec, path, typed),
    })
  })
}

/** A titled list under the help of commander; nothing without lines. */
function section(title: string, lines: string[]): string[] {
  return lines.length === 0 ? [] : [`\n${title}:`, ...lines.map((line) => `  ${line}`)]
}

const codeLines = (codes: Record<number, string>) =>
  Object.entries(codes).map(([code, meaning]) => `${code.padEnd(4)} ${meaning}`)

function fromArguments(spec: Command, values: unknown[]): Record<string, unknown> {
  return Object.fromEntries(Object.keys(spec.arguments).map((name, index) => [name, values[index]]))
}

/** Reads the typed words through the zod schemas; every mistake is named at once. */
function read(spec: Command, path: string, typed: Record<string, unknown>): Record<string, unknown> {
  const parts = { ...spec.arguments, ...spec.options }
  const schema = z.object(
    Object.fromEntries(Object.entries(parts).map(([name, part]) => [name, part.schema])),
  )
  const result = schema.safeParse(typed, { error: expectation })
  if (result.success) return result.data
  const mistakes = result.error.issues.map(({ path: [name = '', index], message }) => {
    const spelled =
      spec.options[String(name)]?.flags ?? spec.arguments[String(name)]?.notation ?? String(name)
    const words = typed[String(name)]
    const word = Array.isArray(words) ? words[Number(index)] : words
    // Schemas of the tool's own words repeat it themselves.
    const isShown = typeof word === 'string' && message.startsWith('expected') && !message.includes(', not ')
    return `${spelled}: ${message}${isShown ? `, not ${JSON.stringify(word)}` : ''}`
  })
  throw new DwhError('USAGE', mistakes.join('; '), { hint: `see: dwh ${path} --help` })
}

/** Makes commander throw instead of ending the process, and keeps its own error text to the one place of errors. */
function refuseByThrowing(program: Commander): Commander {
  for (const commander of [
    program,
    ...program.commands,
    ...program.commands.flatMap(({ commands }) => commands),
  ]) {
    commander
      .exitOverride()
      .configureOutput({ outputError: () => {} })
      .showSuggestionAfterError(true)
  }
  return program
}
