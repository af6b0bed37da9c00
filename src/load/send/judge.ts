import { DwhError } from '../../errors.ts'
import type { Reason } from '../../ledger/rejects.ts'
import { positionSql } from '../../partitions/bounds.ts'
import { dollarQuoted, ident, literal, relation } from '../../postgres/identifiers.ts'
import type { Session } from '../../postgres/session.ts'
import { field } from '../../sources/file/plain-csv.ts'
import type { InputRecord } from '../../sources/file/reader.ts'
import type { Policy } from '../../warehouse/schema.ts'
import { placeColumn } from '../columns.ts'
import type { LoadTarget } from '../target.ts'
import { copyStatement } from './encode.ts'
import { openTexts, textsTable } from './texts.ts'

/** What PostgreSQL says of one record. */
export interface Judgement {
  /** Counted from 1, in the order in which they were asked. */
  place: number
  /** Empty for a record that can be loaded. */
  reasons: Reason[]
  /** Its partition key on the scale of `positionSql`, as text. */
  position: string | null
}

/** Creates, on one connection, what judging needs; without arguments of its own it is made anew for each load. */
export async function openCourt(session: Session, target: LoadTarget): Promise<void> {
  await openTexts(session, target.plan)
  await session.run(judgeFunction(target))
}

/** Lets PostgreSQL judge records one by one: every reason why each cannot be loaded. */
export async function judge(
  session: Session,
  target: LoadTarget,
  records: InputRecord[],
): Promise<Judgement[]> {
  if (records.length === 0) return []
  const lines = records.map((record, n) => `${n + 1},${record.fields.map(field).join(',')}\n`)
  await session.run(`TRUNCATE ${textsTable}`)
  await session.copyIn(
    copyStatement(textsTable, [placeColumn, ...target.plan.names]),
    Buffer.from(lines.join('')),
  )
  const rows = await session.rows<{ place: number; verdict: Omit<Judgement, 'place'> }>(
    `SELECT ${placeColumn} AS place, pg_temp.dwh_judge(r.*) AS verdict FROM ${textsTable} AS r ORDER BY 1`,
  )
  return rows.map(({ place, verdict }) => ({ place, ...verdict }))
}

/**
 * Asks PostgreSQL whether the expressions of `map` can be computed at all.
 *
 * @throws DwhError CONFIG_INVALID
 */
export async function checkExpressions(session: Session, target: LoadTarget): Promise<void> {
  for (const { column, from } of target.plan.filled) {
    if (!('expression' in from)) continue
    try {
      await session.run(`SELECT (${from.expression}) FROM ${textsTable} LIMIT 0`)
    } catch (cause) {
      throw new DwhError(
        'CONFIG_INVALID',
        `map of ${column.name}, ${from.expression}: ${String((cause as Error).message).split('\n')[0]}; nothing was changed`,
        { cause, hint: `the columns of the file are ${target.plan.names.map(ident).join(', ')}` },
      )
    }
  }
}

/**
 * A function from a record of texts to its judgement. Each value is assigned to a variable of its column's type under an
 * exception handler of its own, so that no reason hides another; then come NULLs, CHECKs and references.
 */
function judgeFunction(target: LoadTarget): string {
  const { plan, checks, references, dataset } = target
  const variable = (index: number) => `v_${index}`
  const isKey = (name: string) => dataset.key?.includes(name) && !dataset.nulls_equal
  const values = plan.filled.map(({ column }, n) => `${variable(n)} AS ${ident(column.name)}`)
  const row = `${target.wholeRow(`(SELECT ${values.join(', ')})`)} AS t`
  const assign = plan.filled.map(({ column, from }, n) => {
    const value =
      'input' in from
        ? `${variable(n)} := r.${ident(plan.names[from.input] as string)};`
        : `SELECT (${from.expression}) INTO ${variable(n)} FROM (SELECT r.*) AS input;`
    return column.is_domain ? `${value} PERFORM ${variable(n)}::${column.type};` : value
  })
  // One after the other only where something is wrong: every handler of exceptions costs a subtransaction.
  const assignEach = plan.filled.map(({ column: { name } }, n) =>
    guarded(assign[n] as string, 'type', name, `v_failed := array_append(v_failed, ${literal(name)});`),
  )
  const nulls = plan.filled.flatMap(({ column }, n) =>
    target.mustHaveValue(column)
      ? [
          `IF ${variable(n)} IS NULL AND ${literal(column.name)} <> ALL (v_failed) THEN ` +
            `${add(isKey(column.name) ? 'key_null' : 'not_null', column.name, literal('no value'))} END IF;`,
        ]
      : [],
  )
  const conditions = checks.map(({ name, condition }) =>
    guarded(
      `IF (SELECT (${condition}) IS FALSE FROM ${row}) THEN ${add('check', undefined, literal(condition), name)} END IF;`,
      'check',
      undefined,
      '',
    ),
  )
  const missing = references.flatMap(({ columns, foreignColumns, table, onMissing }) => {
    if (onMissing !== 'reject') return []
    const values = columns.map((name) =>
      variable(plan.filled.findIndex(({ column }) => column.name === name)),
    )
    const found = `SELECT FROM ${relation(table)} AS d WHERE ${foreignColumns.map((name, n) => `d.${ident(name)} = ${values[n]}`).join(' AND ')}`
    return [
      `IF ${values.map((value) => `${value} IS NOT NULL`).join(' AND ')} AND NOT EXISTS (${found}) THEN ` +
        `${add('reference', columns[0], `format('%s is not in %s', concat_ws(', ', ${values.join(', ')}), ${literal(relation(table))})`)} END IF;`,
    ]
  })
  const body = [
    '#variable_conflict use_column',
    'DECLARE',
    "  v_reasons jsonb := '[]'; v_failed text[] := '{}'; v_message text; v_position text;",
    ...plan.filled.map(({ column }, n) => `  ${variable(n)} ${column.plain_type};`),
    'BEGIN',
    `BEGIN ${assign.join(' ')}`,
    'EXCEPTION WHEN OTHERS THEN',
    ...assignEach,
    'END;',
    ...nulls,
    "IF v_reasons = '[]' THEN",
    ...conditions,
    ...missing,
    positionStatement(dataset.partition, row),
    'END IF;',
    "RETURN jsonb_build_object('reasons', v_reasons, 'position', v_position);",
    'END',
  ].join('\n')
  return `CREATE OR REPLACE FUNCTION pg_temp.dwh_judge(r ${textsTable}) RETURNS jsonb LANGUAGE plpgsql AS ${dollarQuoted(body)}`
}

function positionStatement(policy: Policy | undefined, row: string): string {
  return policy ? `SELECT (${positionSql(policy)})::text INTO v_position FROM ${row};` : ''
}

function guarded(
  statement: string,
  kind: Reason['kind'],
  column: string | undefined,
  onError: string,
): string {
  return (
    `BEGIN ${statement} EXCEPTION WHEN OTHERS THEN GET STACKED DIAGNOSTICS v_message = MESSAGE_TEXT; ` +
    `${add(kind, column, 'v_message', undefined, 'SQLSTATE')} ${onError} END;`
  )
}

function add(
  kind: Reason['kind'],
  column: string | undefined,
  message: string,
  constraint?: string,
  state?: string,
): string {
  const parts = [
    `'kind', ${literal(kind)}`,
    ...(column === undefined ? [] : [`'column', ${literal(column)}`]),
    `'message', ${message}`,
    ...(constraint === undefined ? [] : [`'constraint', ${literal(constraint)}`]),
    ...(state === undefined ? [] : [`'sqlstate', ${state}`]),
  ]
  return `v_reasons := v_reasons || jsonb_build_object(${parts.join(', ')});`
}
