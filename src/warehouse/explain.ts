import type { z } from 'zod'
import type { Path } from './document.ts'
import { didYouMean, nearest } from './nearest.ts'

/** What is wrong at one place of the file. */
export interface Finding {
  path: Path
  /** Which half of `name: value` is meant. */
  part: 'key' | 'value'
  message: string
}

/**
 * The findings of a check that failed, worded for people: what was found, what was expected, what was probably meant.
 *
 * @param data what was checked, as it came from the file
 */
export function explain({ issues }: z.ZodError, data: unknown): Finding[] {
  return issues.flatMap((issue) => explainIssue(issue, data))
}

/** The wording of what zod finds by itself; a schema's own messages, which begin with `expected` too, come before it. */
export const expectation: z.core.$ZodErrorMap = (issue) => {
  switch (issue.code) {
    case 'invalid_type':
      return `expected ${kinds[issue.expected] ?? issue.expected}`
    case 'invalid_value':
      return `expected ${oneOf(issue.values.map(String))}`
    case 'too_small':
      if (issue.origin === 'string') return 'expected text that is not empty'
      if (issue.origin === 'array') return `expected at least ${issue.minimum === 1 ? 'one' : issue.minimum}`
      return `expected a number ${issue.inclusive ? `from ${issue.minimum} on` : `above ${issue.minimum}`}`
    case 'too_big':
      return issue.origin === 'string'
        ? `expected at most ${issue.maximum} character${issue.maximum === 1 ? '' : 's'}`
        : `expected a number up to ${issue.maximum}`
    case 'invalid_format':
      return `expected ${formats[issue.format] ?? issue.format}`
    case 'unrecognized_keys':
      // Only the schema knows the keys that there are, and only here is it at hand: explainUnknownKeys takes them apart.
      return Object.keys((issue.inst as z.ZodObject).shape).join(' ')
    default:
      return undefined
  }
}

const kinds: Record<string, string> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'a mapping',
  record: 'a mapping',
  array: 'a list',
}

const formats: Record<string, string> = { url: 'a URL', email: 'an e-mail address' }

type Issue = z.core.$ZodIssue

function explainIssue(issue: Issue, data: unknown): Finding[] {
  const { path } = issue
  const value = (message: string): Finding[] => [{ path, part: 'value', message }]
  const found = valueAt(data, path)
  switch (issue.code) {
    case 'unrecognized_keys':
      return explainUnknownKeys(issue)
    case 'invalid_key':
      return [{ path, part: 'key', message: withFound(path.at(-1), issue.issues[0]?.message ?? '') }]
    case 'invalid_union':
      if ('options' in issue) return value(chooseOf(found, (issue.options ?? []).map(String)))
      if (issue.message.startsWith('expected')) return value(withFound(found, issue.message))
      return explainBranches(issue, data)
    case 'invalid_value':
      return value(chooseOf(found, issue.values.map(String)))
    default:
      return value(issue.message.startsWith('expected') ? withFound(found, issue.message) : issue.message)
  }
}

/** Of the branches of a union, the one that was probably meant; where none fits even roughly, all of them together. */
function explainBranches(issue: Issue & { errors: Issue[][] }, data: unknown): Finding[] {
  const found = valueAt(data, issue.path)
  const isOfAnotherKind = (branch: Issue[]) =>
    branch.some(
      ({ code, path }) =>
        path.length === 0 &&
        (code === 'invalid_type' || (code === 'invalid_value' && typeof found === 'object')),
    )
  const [meant] = issue.errors
    .filter((branch) => !isOfAnotherKind(branch))
    .toSorted((one, other) => one.length - other.length)
  if (meant) {
    return meant.flatMap((inner) =>
      explainIssue({ ...inner, path: [...issue.path, ...inner.path] } as Issue, data),
    )
  }
  const kinds = issue.errors.map(([first]) => first?.message.replace(/^expected /, '') ?? '')
  const message = withFound(found, `expected ${oneOf([...new Set(kinds)])}`)
  return [{ path: issue.path, part: 'value', message }]
}

function explainUnknownKeys({ keys, path, message }: Issue & { code: 'unrecognized_keys' }): Finding[] {
  const known = message.split(' ')
  const inConnection = path[0] === 'connection' || path[0] === 'connections'
  return keys.map((key) => ({
    path: [...path, key],
    part: 'key',
    message:
      inConnection && nearest(key, ['password', 'passwd', 'pass', 'pwd'])
        ? 'a password never stands in this file: put it into an environment variable, .env, .pgpass or a service file'
        : `unknown key${didYouMean(key, known) || `; there are ${known.join(', ')}`}`,
  }))
}

/** `found "years", expected …`; what is not there is `missing`. */
function withFound(found: unknown, expected: string): string {
  return found === undefined ? `missing: ${expected}` : `found ${showValue(found)}, ${expected}`
}

function chooseOf(found: unknown, options: string[]): string {
  return (
    withFound(found, `expected ${oneOf(options)}`) +
    (typeof found === 'string' ? didYouMean(found, options) : '')
  )
}

/** A value for a message: quoted, cut, and without the password of an address. */
export function showValue(value: unknown): string {
  if (value === null) return 'nothing'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a mapping'
  if (typeof value !== 'string') return String(value)
  const discreet = value.replace(/:\/\/.*@/s, '://…@')
  return JSON.stringify(discreet.length > 60 ? `${discreet.slice(0, 59)}…` : discreet)
}

function valueAt(data: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (value, word) =>
      typeof value === 'object' && value !== null && Object.hasOwn(value, word)
        ? value[word as keyof typeof value]
        : undefined,
    data,
  )
}

const oneOf = (words: readonly unknown[]) =>
  new Intl.ListFormat('en-GB', { type: 'disjunction' }).format(words.map(String))
