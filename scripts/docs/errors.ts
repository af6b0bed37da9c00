import { errorCodes, exitCodes } from '../../src/errors.ts'
import { code, markdownTable } from './markdown.ts'

/** docs/errors.md: every way to fail. */
export function errorPage(): string {
  const rows = Object.entries(errorCodes).map(([name, { exit, meaning }]) => [
    code(name),
    String(exit),
    meaning,
  ])
  return [
    '# Errors\n',
    'An error is told on stderr: its code, what happened, what is untouched, and as a hint what to type next.',
    `${code('--debug')} adds the stacks. Scripts go by the exit code:\n`,
    markdownTable(
      ['exit code', 'meaning'],
      Object.entries(exitCodes).map(([exit, meaning]) => [exit, meaning]),
    ),
    'The code of an error is also kept in the ledger, where a run has begun (`dwh runs list`).\n',
    markdownTable(['error', 'exit code', 'meaning'], rows),
  ].join('\n')
}
