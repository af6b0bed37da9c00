/** What mends a fault: SQL for psql, a command line, or words where somebody has to decide. */
export interface Mend {
  kind: 'sql' | 'command' | 'advice'
  text: string
}

/**
 * What a question was answered with. A warning is a no that fails nothing; `unknown` is for what cannot be seen from
 * here, such as the disk of a server elsewhere.
 */
export interface Verdict {
  answer: 'yes' | 'no' | 'warning' | 'unknown'
  /** What was found, in a few words. */
  finding: string
  mend: Mend | undefined
}

/** A question answered. */
export interface Answer extends Verdict {
  id: string
  question: string
}

/** Answers as `--json` prints them. */
export function answersJson(answers: Answer[]) {
  return answers.map(({ mend, ...rest }) => ({ ...rest, mend: mend ?? null }))
}

export function yes(finding = 'yes'): Verdict {
  return { answer: 'yes', finding, mend: undefined }
}

export function no(finding: string, mend: Mend): Verdict {
  return { answer: 'no', finding, mend }
}

export function warning(finding: string, mend: Mend): Verdict {
  return { answer: 'warning', finding, mend }
}

export function unknown(finding: string, mend?: Mend): Verdict {
  return { answer: 'unknown', finding, mend }
}

/** Statements, each with its semicolon, and comments, one below the other. */
export function bySql(...lines: string[]): Mend {
  return { kind: 'sql', text: lines.map((line) => (line.startsWith('--') ? line : `${line};`)).join('\n') }
}

export function byCommand(text: string): Mend {
  return { kind: 'command', text }
}

export function advice(text: string): Mend {
  return { kind: 'advice', text }
}

/** How many things of one kind are named one by one. */
const mostNamed = 5

/** `a, b and 3 more` */
export function named(names: string[]): string {
  const rest = names.length - mostNamed
  return names.slice(0, mostNamed).join(', ') + (rest > 0 ? ` and ${rest} more` : '')
}
