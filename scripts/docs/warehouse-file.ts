import { z } from 'zod'
import { warehouseSchema } from '../../src/warehouse/schema.ts'
import { code, markdownTable } from './markdown.ts'

type Schema = z.core.JSONSchema.JSONSchema

/** docs/warehouse-file.md: every field of the warehouse file. */
export function warehouseFilePage(): string {
  const root = z.toJSONSchema(warehouseSchema, { io: 'input', unrepresentable: 'any' }) as Schema
  return [
    '# The warehouse file, field by field\n',
    'What it is for, where it is found, and which of its fields something acts on by now: see',
    '[configuration](configuration.md). `NAME` stands for a name of your own.\n',
    ...mappingSections(root, ''),
  ].join('\n')
}

/** A section for a mapping, and one for each mapping within it. */
function mappingSections(schema: Schema, path: string): string[] {
  const fields = Object.entries(schema.properties ?? {}) as [string, Schema][]
  const title = path === '' ? 'The file itself' : code(path)
  const rows = fields.map(([name, field]) => [
    code(name),
    valueText(field),
    schema.required?.includes(name) ? '**required**' : defaultText(field),
    fieldMeaning(field),
  ])
  const inner = fields.flatMap(([name, field]) =>
    nestedMappings(field, path ? `${path}.${name}` : name).flatMap(({ schema, path }) =>
      mappingSections(schema, path),
    ),
  )
  return [`## ${title}\n`, markdownTable(['field', 'value', 'default', 'meaning'], rows), ...inner]
}

/** The mappings that a field may hold: itself, the values of its names, or some of its alternatives. */
function nestedMappings(schema: Schema, path: string): { schema: Schema; path: string }[] {
  if (schema.properties) {
    const { kind, by } = schema.properties as Record<string, Schema>
    const told = kind?.const ?? by?.const
    return [{ schema, path: told === undefined ? path : `${path} (${kind ? 'kind' : 'by'}: ${told})` }]
  }
  if (typeof schema.additionalProperties === 'object')
    return nestedMappings(schema.additionalProperties, `${path}.NAME`)
  return alternatives(schema).flatMap((one) => nestedMappings(one, path))
}

/** What may stand there, in words. */
function valueText(schema: Schema): string {
  if (schema.title) return schema.title
  if (schema.const !== undefined) return code(String(schema.const))
  if (schema.enum) return schema.enum.map((choice) => code(String(choice))).join(', ')
  if (schema.properties) return 'fields of its own'
  if (typeof schema.additionalProperties === 'object')
    return `names, each with ${valueText(schema.additionalProperties)}`
  const options = alternatives(schema)
  if (options.length > 0)
    return [...new Set(options.map(valueText))].join(' or ').replace(oneOrMore, '$1 or a list of them')
  if (schema.type === 'integer') return `a whole number${limits(schema)}`
  if (schema.type === 'array') return `a list of ${valueText((schema.items ?? {}) as Schema)}`
  if (Array.isArray(schema.type)) return schema.type.map((type) => valueText({ type })).join(' or ')
  return words[schema.type ?? ''] ?? 'anything'
}

/** `a name or a list of a name` */
const oneOrMore = /^(.+) or a list of \1$/

/** ` from 0 to 1000`; zod gives every whole number the limits of JavaScript. */
function limits({ minimum, exclusiveMinimum, maximum }: Schema): string {
  const least = minimum ?? (typeof exclusiveMinimum === 'number' ? exclusiveMinimum + 1 : undefined)
  const from = least === undefined || least === Number.MIN_SAFE_INTEGER ? '' : ` from ${least}`
  return maximum === Number.MAX_SAFE_INTEGER ? from : `${from} to ${maximum}`
}

const words: Record<string, string> = {
  string: 'text',
  number: 'a number',
  boolean: '`true` or `false`',
  null: '`null`',
}

function alternatives(schema: Schema): Schema[] {
  return (schema.anyOf ?? schema.oneOf ?? []) as Schema[]
}

/** Fields of their own have their defaults below. */
function defaultText({ default: standard }: Schema): string {
  if (standard === undefined || standard === '') return ''
  if (typeof standard !== 'object' || standard === null) return code(String(standard))
  return Array.isArray(standard) ? standard.map((one) => code(String(one))).join(', ') : ''
}

/** @throws Error for a field that says nothing about itself */
function fieldMeaning(schema: Schema): string {
  if (!schema.description)
    throw new Error(`a field of the warehouse file has no description: ${JSON.stringify(schema)}`)
  return schema.description
}
