import pg from 'pg'
import { DwhError, type ErrorCode } from '../errors.ts'
import { caret } from './caret.ts'
import { boundName } from './identifiers.ts'
import type { Statement } from './sql-files.ts'

/** The conditions that later code asks for by name; everything else is told by `classify`. */
export const sqlstate = {
  lockNotAvailable: '55P03',
  objectInUse: '55006',
  deadlockDetected: '40P01',
  queryCanceled: '57014',
  uniqueViolation: '23505',
  foreignKeyViolation: '23503',
  checkViolation: '23514',
  serializationFailure: '40001',
  insufficientPrivilege: '42501',
  notInPrerequisiteState: '55000',
  undefinedTable: '42P01',
  undefinedColumn: '42703',
  undefinedSchema: '3F000',
  undefinedObject: '42704',
  undefinedFunction: '42883',
} as const

export function hasState(error: unknown, ...states: string[]): boolean {
  const state = sqlstateOf(error)
  return state !== undefined && states.includes(state)
}

/** Whether the SQLSTATE begins with one of these classes, such as 22 for data exceptions. */
export function hasStateClass(error: unknown, ...classes: string[]): boolean {
  const state = sqlstateOf(error)
  return state !== undefined && classes.includes(state.slice(0, 2))
}

/** Undefined for what is no error of the server. */
export function sqlstateOf(error: unknown): string | undefined {
  if (error instanceof DwhError) return sqlstateOf(error.cause)
  return error instanceof pg.DatabaseError ? error.code : undefined
}

interface Class {
  code: ErrorCode
  hint?: string
}

/** Exact SQLSTATEs first, then classes (the first two characters). */
const states: Record<string, Class> = {
  '25006': {
    code: 'SQL_FAILED',
    hint: 'the server is a standby, or default_transaction_read_only is set: connect to the primary',
  },
  '25001': {
    code: 'SQL_FAILED',
    hint: 'in a migration it goes alone into a TypeScript file, behind pgm.noTransaction()',
  },
  '28000': { code: 'LOGIN_REFUSED', hint: 'check the user and pg_hba.conf; see: dwh config show' },
  '28P01': {
    code: 'LOGIN_REFUSED',
    hint: 'give the password in PGPASSWORD, .pgpass or .env; see: dwh config show',
  },
  '3D000': {
    code: 'DATABASE_MISSING',
    hint: 'create it with createdb, or name another; see: dwh config show',
  },
  '42501': {
    code: 'PRIVILEGE_MISSING',
    hint: 'grant what is missing, or connect as the owner; see: dwh doctor',
  },
  '53100': { code: 'DISK_FULL', hint: 'free some room and run the same command again: it resumes' },
  '55P03': {
    code: 'LOCK_HELD',
    hint: 'see who holds it in pg_locks and pg_prepared_xacts, and run the same command again',
  },
  '40P01': { code: 'LOCK_HELD', hint: 'run the same command again' },
  '57014': {
    code: 'SQL_FAILED',
    hint: 'a timeout or somebody cancelled it; run the same command again: it resumes',
  },
  // The server's own hint is CASCADE, which takes with it what nobody has looked at.
  '2BP01': { code: 'SQL_FAILED', hint: 'drop or change what depends on it, and run the same command again' },
  '57P01': { code: 'SERVER_WENT_AWAY', hint: 'run the same command again: it resumes' },
  '57P02': { code: 'SERVER_WENT_AWAY', hint: 'run the same command again: it resumes' },
  '57P03': { code: 'SERVER_UNREACHABLE', hint: 'the server is starting or stopping; try again in a moment' },
  '53300': { code: 'SERVER_UNREACHABLE', hint: 'the server has no connection free; see max_connections' },
  '08': { code: 'SERVER_WENT_AWAY', hint: 'run the same command again: it resumes' },
}

/**
 * Turns what `pg` threw into a `DwhError`, once and in one place.
 *
 * @param where the statement that failed; its line and a caret are added where PostgreSQL gave a position
 */
export function classify(thrown: unknown, where?: Statement): DwhError {
  if (thrown instanceof DwhError) return thrown
  if (!(thrown instanceof pg.DatabaseError)) return connectionError(thrown)
  const known = homeless(thrown) ??
    sealed(thrown) ??
    states[thrown.code ?? ''] ??
    states[(thrown.code ?? '').slice(0, 2)] ?? { code: 'SQL_FAILED' }
  const spot = where && thrown.position ? `\n${caret(where, Number(thrown.position))}` : ''
  const detail = thrown.detail ? ` (${thrown.detail})` : ''
  // Of row security, PostgreSQL itself knows the way out.
  const hint = (known.code === 'PRIVILEGE_MISSING' && thrown.hint) || (known.hint ?? thrown.hint)
  return new DwhError(known.code, `${thrown.message}${detail}${spot}`, {
    cause: thrown,
    ...(hint ? { hint } : {}),
  })
}

/**
 * Rows without a leaf, or in the unknown leaf where their own is to be. Told by the place in PostgreSQL's source and not by
 * the message, which the server writes in its own language.
 */
function homeless({ code, routine, table, constraint }: pg.DatabaseError): Class | undefined {
  if (code !== sqlstate.checkViolation) return undefined
  const refusedByUnknown = table !== undefined && constraint === boundName(table)
  if (routine === 'ExecFindPartition' || refusedByUnknown) {
    return {
      code: 'ROWS_UNFIT',
      hint: 'make the leaf with dwh partitions create, with --from and --until where the policy does not reach, or mend the row',
    }
  }
  if (
    constraint === undefined &&
    (routine === 'ATRewriteTable' || routine === 'check_default_partition_contents')
  ) {
    return {
      code: 'ROWS_UNFIT',
      hint: 'take those rows out of the unknown leaf first, and insert them again afterwards',
    }
  }
  return undefined
}

/** What the triggers of a sealed leaf raise, which bear these names; the hint is their own. */
function sealed({ code, constraint }: pg.DatabaseError): Class | undefined {
  const isSeal = constraint === 'dwh_sealed' || constraint === 'dwh_sealed_truncate'
  return isSeal && code === sqlstate.notInPrerequisiteState ? { code: 'LEAF_SEALED' } : undefined
}

/** Errors of the socket and of TLS, which carry a Node.js code or only a sentence of the driver. */
function connectionError(thrown: unknown): DwhError {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown))
  const code = (error as NodeJS.ErrnoException).code ?? ''
  if (error instanceof AggregateError && error.errors[0] instanceof Error)
    return connectionError(error.errors[0])
  if (
    ['ECONNREFUSED', 'ENOENT', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EAI_AGAIN', 'ETIMEDOUT'].includes(
      code,
    )
  ) {
    const hint = 'start the server (dwh dev start), or name another; see: dwh config show'
    return new DwhError('SERVER_UNREACHABLE', error.message, { cause: error, hint })
  }
  if (/timeout expired|timeout exceeded/.test(error.message)) {
    return new DwhError('SERVER_UNREACHABLE', error.message, { cause: error, hint: 'see: dwh config show' })
  }
  if (code.startsWith('ERR_TLS') || /certificate|SSL|self-signed|CERT_/i.test(`${code} ${error.message}`)) {
    const hint = 'check sslmode and sslrootcert; see: dwh config show'
    return new DwhError('TLS_FAILED', error.message, { cause: error, hint })
  }
  if (
    code === 'ECONNRESET' ||
    code === 'EPIPE' ||
    /terminated|Connection ended|not queryable/.test(error.message)
  ) {
    const hint = 'run the same command again: it resumes'
    return new DwhError('SERVER_WENT_AWAY', error.message, { cause: error, hint })
  }
  if (/password must be a (non-empty )?string|no password supplied/.test(error.message)) {
    const hint = 'give it in PGPASSWORD, .pgpass or .env; see: dwh config show'
    return new DwhError('LOGIN_REFUSED', 'the server asks for a password and none is set', {
      cause: error,
      hint,
    })
  }
  return new DwhError('FAILED', error.message, { cause: error })
}
