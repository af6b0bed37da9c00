import type { Command as Commander } from 'commander'
import type { Command, Group } from '../../src/cli/command.ts'
import { buildProgram } from '../../src/cli/program.ts'
import { loadCommands } from '../../src/commands/index.ts'
import { exitCodes } from '../../src/errors.ts'
import { code, consoleBlock, markdownTable, prose, sentence } from './markdown.ts'

const commands = await loadCommands()

/** docs/commands.md: everything that can be typed. */
export function commandPage(): string {
  const program = buildProgram(commands, () => {})
  const index = everyCommand(commands).map(({ path, spec }) => [
    `[${code(`dwh ${path}`)}](#dwh-${path.replaceAll(' ', '-')})`,
    spec.summary,
  ])
  const sections = everyCommand(commands).map(({ path, spec }) => section(path, spec, find(program, path)))
  return [
    '# Commands\n',
    markdownTable(['command', 'what it does'], index),
    '## Options of every command\n',
    optionTable(program),
    '## Exit codes\n',
    'Whichever command ended:\n',
    codeTable('code', exitCodes),
    `Each error has a name beside its exit code: see [errors](errors.md). What ${code('--json')} prints is described in`,
    '[JSON documents](json.md).\n',
    ...sections,
  ].join('\n')
}

function everyCommand(entries: (Command | Group)[]): { path: string; spec: Command }[] {
  return entries.flatMap((entry) =>
    'commands' in entry
      ? entry.commands.map((spec) => ({ path: `${entry.name} ${spec.name}`, spec }))
      : [{ path: entry.name, spec: entry }],
  )
}

/** The commander that stands for `migrate up`. */
function find(program: Commander, path: string): Commander {
  return path.split(' ').reduce((parent, name) => {
    const child = parent.commands.find((candidate) => candidate.name() === name)
    if (!child) throw new Error(`the program has no command ${path}`)
    return child
  }, program)
}

function section(path: string, spec: Command, commander: Commander): string {
  const help = commander.createHelp()
  const words = help.visibleArguments(commander)
  const parts = [
    `## dwh ${path}\n`,
    `${code(help.commandUsage(commander))}\n`,
    `${sentence(spec.summary)}\n`,
    ...(spec.description ? [`${prose(spec.description)}\n`] : []),
    markdownTable(
      ['argument', 'meaning'],
      words.map((word) => [code(help.argumentTerm(word)), prose(help.argumentDescription(word))]),
    ),
    optionTable(commander),
    codeTable('exit code', spec.exits),
    consoleBlock(spec.examples),
  ]
  return parts.filter(Boolean).join('\n')
}

/** All but --help, which every command has. */
function optionTable(commander: Commander): string {
  const help = commander.createHelp()
  const options = help.visibleOptions(commander).filter(({ long }) => long !== '--help')
  return markdownTable(
    ['option', 'meaning'],
    options.map((option) => [code(help.optionTerm(option)), prose(help.optionDescription(option))]),
  )
}

function codeTable(title: string, codes: Record<number, string>): string {
  const rows = Object.entries(codes).map(([exit, meaning]) => [exit, meaning])
  return markdownTable([title, 'meaning'], rows)
}
