/** What an exit code says, whichever command ended with it. */
export const exitCodes: Record<number, string> = {
  0: 'done, or nothing to do',
  1: 'failed',
  2: 'usage: the command line is wrong, or nobody can be asked',
  3: 'configuration or connection',
  4: 'a check found problems',
  5: 'partly done',
  6: 'someone else holds the lock',
  130: 'interrupted',
}

/** Every way `dwh` can fail, with the exit code it ends with. */
export const errorCodes = {
  USAGE: { exit: 2, meaning: 'the command line is wrong' },
  NEEDS_CONFIRMATION: { exit: 2, meaning: 'the command changes data and nobody can be asked' },

  CONFIG_MISSING: { exit: 3, meaning: 'no warehouse file, or one that does not exist' },
  CONFIG_INVALID: { exit: 3, meaning: 'the warehouse file or a setting is wrong' },
  SERVER_UNREACHABLE: { exit: 3, meaning: 'nothing answers at that address' },
  LOGIN_REFUSED: { exit: 3, meaning: 'the server refused the user or the password' },
  DATABASE_MISSING: { exit: 3, meaning: 'the server has no such database' },
  TLS_FAILED: { exit: 3, meaning: 'the encrypted connection could not be made or trusted' },
  SERVER_TOO_OLD: { exit: 3, meaning: 'PostgreSQL is older than 14' },
  ENCODING_NOT_UTF8: { exit: 3, meaning: 'the database is not stored in UTF-8' },
  PRIVILEGE_MISSING: { exit: 3, meaning: 'the role may not do what is needed' },
  TOOL_MISSING: { exit: 3, meaning: 'a program that is needed is not installed' },
  TOOL_UNSAFE: { exit: 3, meaning: 'a program has a known hole, and is not let near what others have made' },

  CHECK_FAILED: { exit: 4, meaning: 'a check found problems' },
  PARTLY_DONE: { exit: 5, meaning: 'some of the work is done, the rest is not' },
  LOCK_HELD: { exit: 6, meaning: 'someone else holds the lock or the lease' },
  LOADED_MEANWHILE: {
    exit: 6,
    meaning: 'another run has loaded the same content meanwhile; this one changed nothing',
  },
  LEASE_LOST: { exit: 6, meaning: 'another run took this work over' },

  MIGRATION_FAILED: { exit: 1, meaning: 'a migration failed and was rolled back' },
  MIGRATION_EDITED: { exit: 1, meaning: 'a migration was changed after it had been applied' },
  MIGRATION_MISSING: { exit: 1, meaning: 'an applied migration has no file any more' },
  MIGRATION_ORDER: { exit: 1, meaning: 'a new migration has a lower number than one that is applied' },
  TARGET_UNFIT: { exit: 1, meaning: 'the table is not one that can be worked on as asked' },
  ROWS_UNFIT: { exit: 1, meaning: 'rows stand in the way: without a leaf, or twice' },
  LEAF_SEALED: { exit: 1, meaning: 'a leaf is sealed: nothing can be written into it' },
  PROOF_FAILED: { exit: 1, meaning: 'two sides that must be equal are not' },
  BACKUP_FAILED: { exit: 1, meaning: 'the backup could not be made whole' },
  RESTORE_FAILED: { exit: 1, meaning: 'the restore could not be finished; the live database is as it was' },
  RESTORE_UNFIT: { exit: 3, meaning: 'the server does not have what the backup needs' },
  TIMED_OUT: { exit: 1, meaning: 'the time of --timeout was over' },
  DISK_FULL: { exit: 1, meaning: 'there is no room on the disk' },
  SERVER_WENT_AWAY: { exit: 1, meaning: 'the server ended the connection' },
  INPUT_BROKEN: {
    exit: 1,
    meaning: 'a file cannot be read to its end, or is not of the format that was said',
  },
  INPUT_MISSING: { exit: 1, meaning: 'a file that a source names for a window is not there' },
  SOURCE_FAILED: { exit: 1, meaning: 'a source did not give what it was asked for; it may later' },
  GATE_FAILED: {
    exit: 5,
    meaning: 'rows of a window fall short of a threshold, and are withheld or flagged',
  },
  REJECTS_TOO_MANY: {
    exit: 1,
    meaning: 'more rows than --max-rejects allows cannot be loaded; nothing of the file was',
  },
  SQL_FAILED: { exit: 1, meaning: 'PostgreSQL refused a statement' },
  FAILED: { exit: 1, meaning: 'something else went wrong' },

  INTERRUPTED: { exit: 130, meaning: 'stopped by Ctrl-C or a signal' },
} as const

export type ErrorCode = keyof typeof errorCodes

/**
 * The one error class: what happened (`message`), what to type next (`hint`) and the PostgreSQL or system error
 * behind it (`cause`). The message says what is untouched wherever that could be in doubt.
 */
export class DwhError extends Error {
  override readonly name = 'DwhError'
  readonly code: ErrorCode
  readonly hint: string | undefined

  constructor(code: ErrorCode, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, { cause: options.cause })
    this.code = code
    this.hint = options.hint
  }

  get exit(): number {
    return errorCodes[this.code].exit
  }
}

/**
 * Any thrown value as a `DwhError`; what is none of ours becomes FAILED with the original as its cause. What Node.js throws
 * when a signal ends a wait carries the signal's reason as its cause, and that is the error.
 */
export function toDwhError(thrown: unknown): DwhError {
  if (thrown instanceof DwhError) return thrown
  if (thrown instanceof Error && thrown.name === 'AbortError' && thrown.cause instanceof DwhError)
    return thrown.cause
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  return new DwhError('FAILED', message, { cause: thrown })
}
