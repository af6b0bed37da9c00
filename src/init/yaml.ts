import { relation, shown } from '../postgres/identifiers.ts'
import type { Settings } from './connection.ts'
import type { Findings } from './look.ts'
import { ownNameOf } from './names.ts'
import type { Field } from './policy.ts'
import type { LeftAlone, Obstacle, Proposal } from './propose.ts'

/** Columns of a line of the file. */
const width = 110

/** What a warehouse file says of a database: each choice with its reason. */
export function warehouseYaml(findings: Findings, connection: Settings): string {
  const { database, proposals, left } = findings
  const name = ownNameOf(database)
  const lines = [
    ...comment(
      `The warehouse of the database ${oneLine(database)}, written by dwh init from what it found there; nothing in the database was ` +
        'changed. Change here what you know better, and see what would be done: dwh setup --dry-run',
      '',
    ),
    '',
    `name: ${name === 'dwh' ? 'dwh_1' : name}`,
    '',
    ...connectionLines(connection),
    '# Relative to this file.',
    'migrations: migrations # NNNN_name.sql or .ts; tables that are there already need none; see: dwh migrate create',
    'sql: sql # of models and checks',
    '',
    ...(proposals.length > 0 ? ['datasets:', ...proposals.flatMap(datasetLines)] : skeletonLines()),
    ...leftLines(left),
  ]
  return `${lines.join('\n').trimEnd()}\n`
}

function connectionLines({ fields, origins }: Settings): string[] {
  const lines = fields.map(([name, value]) => `  ${name}: ${scalar(value)}`)
  if (lines.length === 0)
    return [
      '# Where the database is: DWH_DB_HOST, DWH_DB_NAME …, PGHOST and its kin, or `connection:` here.',
      '',
    ]
  const secret = 'A password never stands here: it comes from PGPASSWORD, ~/.pgpass or a file .env'
  return [...comment(`From ${origins.join(', ')}. ${secret}.`, ''), 'connection:', ...lines, '']
}

function datasetLines(proposal: Findings['proposals'][number]): string[] {
  const { name, table, survey, yearlyRows, key, policy, obstacle, wide } = proposal
  const rows = `${survey.exact ? '' : 'about '}${survey.rows.toLocaleString('en')} rows, ${megabytes(table.bytes)}`
  const partition = fieldLines('    ', [...policy])
  return [
    ...comment(
      `${rows}; ${yearlyRows.toLocaleString('en')} rows in the last year that they are about.`,
      '  ',
    ),
    `  ${scalar(name)}:`,
    ...(table.comment ? [`    description: ${scalar(table.comment)}`] : []),
    `    target: ${scalar(shownTarget(proposal))}`,
    ...keyLines(proposal),
    ...compressionLines(wide),
    ...(obstacle ? heldBack(partition, obstacle) : ['    partition:', ...indent(partition)]),
    ...otherCandidates(proposal),
    '',
  ]

  function keyLines({ key: { reason, recencyReason } }: Proposal): string[] {
    if (!key.key) return comment(`No key: ${oneLine(reason)}.`, '    ')
    const [only, more] = key.key
    return fieldLines('    ', [
      { name: 'key', value: more === undefined ? (only as string) : key.key, reason },
      ...(key.nullsEqual ? [{ name: 'nulls_equal', value: true, reason: 'as its index says' }] : []),
      ...(key.recency ? [{ name: 'recency', value: key.recency, reason: recencyReason }] : []),
    ])
  }
}

/** As SQL would write it where that is plain, and quoted where it must be. */
function shownTarget({ table }: Proposal): string {
  const text = shown(table)
  return /[\p{Cc}\\]/u.test(text) ? relation(table) : text
}

function compressionLines(wide: Proposal['wide']): string[] {
  if (wide.length === 0) return []
  const columns = wide.map(
    ({ name, bytes }) => `${oneLine(name)} (${Math.round(bytes).toLocaleString('en')} bytes on average)`,
  )
  return fieldLines('    ', [
    {
      name: 'compression',
      value: 'lz4',
      reason: `worth it for ${columns.join(', ')}: what makes a row larger than 2 kB is stored compressed`,
    },
  ])
}

/** A policy that cannot be put into force without somebody's word stands there as a comment. */
function heldBack(partition: string[], { kind, text }: Obstacle): string[] {
  const why =
    kind === 'loss'
      ? `leaves could not keep everything: ${text}. Where that is fine, take the # away, and type: dwh setup --accept-losses`
      : `dwh setup would refuse it as it is: ${text}`
  return [
    ...comment(`Not put into force, since ${oneLine(why)}`, '    '),
    '    # partition:',
    ...indent(partition).map((line) => `    # ${line.slice(4)}`),
  ]
}

function otherCandidates({ candidates }: Proposal): string[] {
  const others = candidates.slice(1)
  if (others.length === 0) return []
  const each = others.map(({ key, reasons }) => `${oneLine(key.join(', '))} (${oneLine(reasons.join('; '))})`)
  return comment(`Other candidates for the partition key: ${each.join(', ')}.`, '    ')
}

function skeletonLines(): string[] {
  return [
    '# No table is worth leaves: why, stands below. A dataset is a table that receives data:',
    '#',
    '#   sales:',
    '#     target: public.sales',
    '#     key: sale_id',
    '#     partition: { key: sold_on, kind: date, grain: month }',
    'datasets: {}',
    '',
  ]
}

function leftLines(left: LeftAlone[]): string[] {
  if (left.length === 0) return []
  const each = left.flatMap(({ table, reason }) => {
    const size = `about ${table.rows.toLocaleString('en')} rows, ${megabytes(table.bytes)}`
    const [first = '', ...rest] = wrapped(`${oneLine(shown(table))}: ${oneLine(reason)} (${size})`, width - 8)
    return [`#   ${first}`, ...rest.map((line) => `#     ${line}`)]
  })
  return ['# Left alone:', '#', ...each]
}

/** `name: value # reason`, or the reason above where the line would be too long. */
function fieldLines(indentation: string, fields: Field[]): string[] {
  return fields.flatMap(({ name, value, reason }) => {
    const text = Array.isArray(value) ? `[${value.map(scalar).join(', ')}]` : scalar(value)
    const line = `${indentation}${name}: ${text}`
    if (!reason) return [line]
    const whole = `${line} # ${oneLine(reason)}`
    return whole.length <= width ? [whole] : [...comment(oneLine(reason), indentation), line]
  })
}

const indent = (lines: string[]) => lines.map((line) => `  ${line}`)

/** A paragraph as lines of comment. */
function comment(text: string, indentation: string): string[] {
  return wrapped(text, width - 2 - indentation.length).map((line) => `${indentation}# ${line}`)
}

function wrapped(text: string, columns: number): string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + word.length < columns) lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return lines
}

/** Names hold whatever somebody once typed, and a comment ends with its line. */
function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]/gu, '�')
}

/** A text that YAML could read as something else stands in double quotes, which are written as in JSON. */
function scalar(value: string | number | boolean): string {
  if (typeof value !== 'string') return String(value)
  const isPlain = /^[a-z_/][\w./-]*$|^\d{4}-\d\d(-\d\d)?$/i.test(value)
  const isWord = /^(true|false|null|yes|no|on|off|y|n)$/i.test(value)
  return isPlain && !isWord ? value : JSON.stringify(value)
}

function megabytes(bytes: number): string {
  return bytes < 1024 ** 2
    ? `${Math.ceil(bytes / 1024)} kB`
    : `${Math.round(bytes / 1024 ** 2).toLocaleString('en')} MB`
}
