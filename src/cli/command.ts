import { z } from 'zod'
import { span } from '../warehouse/values.ts'
import type { Context } from './context.ts'

/** A flag: its commander notation, what it is for, and the zod schema that reads its text. */
export interface Option<S extends z.ZodType = z.ZodType> {
  flags: string
  description: string
  schema: S
  /** `--no-<name>` says no to it; undefined where neither is typed. */
  negatable?: boolean
}

/** A positional argument: `<file>`, `[count]` or `[dataset...]`. */
export interface Argument<S extends z.ZodType = z.ZodType> {
  notation: string
  description: string
  schema: S
}

type Values<Specs extends Record<string, { schema: z.ZodType }>> = {
  [Name in keyof Specs]: z.output<Specs[Name]['schema']>
}

interface Definition<A extends Record<string, Argument>, O extends Record<string, Option>> {
  name: string
  summary: string
  /** More than the summary says: what changes, what is locked, what is left alone. */
  description?: string
  arguments?: A
  options?: O
  /** What an exit code means here, where that is more than exitCodes says of every command. */
  exits?: Record<number, string>
  examples: string[]
  run(context: Context, input: Values<A> & Values<O>): Promise<void>
}

/** One command: flags → zod → one call into a domain → one rendering. */
export interface Command {
  name: string
  summary: string
  description?: string
  arguments: Record<string, Argument>
  options: Record<string, Option>
  exits: Record<number, string>
  examples: string[]
  run(context: Context, input: Record<string, unknown>): Promise<void>
}

/** A word with commands under it: `dwh migrate …`. */
export interface Group {
  name: string
  summary: string
  commands: Command[]
}

export function command<
  A extends Record<string, Argument> = Record<never, never>,
  O extends Record<string, Option> = Record<never, never>,
>(definition: Definition<A, O>): Command {
  return { arguments: {}, options: {}, exits: {}, ...definition } as unknown as Command
}

export function option<S extends z.ZodType>(flags: string, description: string, schema: S): Option<S> {
  return { flags, description, schema }
}

export function argument<S extends z.ZodType>(notation: string, description: string, schema: S): Argument<S> {
  return { notation, description, schema }
}

/** A flag without a value. */
export function flag(flags: string, description: string): Option<z.ZodDefault<z.ZodBoolean>> {
  return option(flags, description, z.boolean().default(false))
}

/** A flag that has a `--no-` too, and means something else where neither is typed. */
export function choice(flags: string, description: string): Option<z.ZodOptional<z.ZodBoolean>> {
  return { flags, description, schema: z.boolean().optional(), negatable: true }
}

/** What a flag or an argument is for, with its choices and its default where it has any. */
export function describePart({ description, schema }: Option | Argument): string {
  const { enum: choices, default: standard } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' })
  const isTold = typeof standard === 'string' || typeof standard === 'number'
  return description + (choices ? `: ${choices.join(', ')}` : '') + (isTold ? ` (default: ${standard})` : '')
}

/** The flags that several commands share, worded once. */
export const shared = {
  json: flag('--json', 'print one JSON document on stdout'),
  yes: flag('-y, --yes', 'do not ask: do it'),
  dryRun: flag('--dry-run', 'show what would be done and stop there'),
  timeout: option(
    '--timeout <span>',
    'stop when this time is over, such as 2h: what was not finished is rolled back, the same command resumes',
    span.optional(),
  ),
  tablespace: option(
    '--tablespace <name>',
    'where what is written anew shall lie, indexes too; where its table lies unless named',
    z.string().min(1).optional(),
  ),
}

/** A positive whole number, from the text of a flag. */
export const positiveInteger = z.coerce.number<string>().int().positive()
