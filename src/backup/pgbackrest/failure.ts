import { DwhError, type ErrorCode } from '../../errors.ts'
import type { Repository } from './repository.ts'

/** What stays as it was when a command of pgBackRest fails. */
const untouched: Record<string, string> = {
  'stanza-create': 'no backup was made',
  check: 'no backup was made',
  backup: 'no backup was made; the earlier ones are as they were',
  info: 'nothing was changed',
  verify: 'nothing was changed',
  restore: 'the live server is as it was',
}

interface Meaning {
  code: ErrorCode
  hint?: (repository: Repository) => string
}

const configuration: Meaning = { code: 'CONFIG_INVALID' }

/**
 * What the numbers of pgBackRest's errors mean here; they are stable over its versions. Those that are not listed say
 * enough by themselves.
 */
const meanings: Record<number, Meaning> = {
  26: { code: 'CHECK_FAILED', hint: damaged },
  27: configuration,
  28: { code: 'BACKUP_FAILED', hint: otherServer },
  29: { code: 'CHECK_FAILED', hint: damaged },
  31: configuration,
  32: configuration,
  37: configuration,
  38: { code: 'LOCK_HELD', hint: () => 'a server runs on that folder: name another with --into' },
  40: { code: 'USAGE', hint: () => 'name a folder that is not there yet with --into' },
  41: { code: 'PRIVILEGE_MISSING', hint: readable },
  44: { code: 'BACKUP_FAILED', hint: otherServer },
  46: {
    code: 'TOOL_MISSING',
    hint: () => 'newer ones, for newer versions of PostgreSQL, are at https://apt.postgresql.org',
  },
  47: { code: 'PRIVILEGE_MISSING', hint: readable },
  50: {
    code: 'LOCK_HELD',
    hint: () => 'another pgBackRest is at work on this stanza; wait until it has ended',
  },
  51: { code: 'BACKUP_FAILED', hint: otherServer },
  55: { code: 'CHECK_FAILED', hint: damaged },
  56: {
    code: 'SERVER_UNREACHABLE',
    hint: () =>
      'pgBackRest connects by the socket, without a password of ours: let its role in by `local … peer` in pg_hba.conf, or by the .pgpass of that user',
  },
  57: {
    code: 'SQL_FAILED',
    hint: () =>
      'its role (pg1-user of the configuration) must be a superuser, or may: pg_read_all_settings, pg_checkpoint, and EXECUTE on pg_backup_start, pg_backup_stop, pg_switch_wal and pg_create_restore_point',
  },
  58: { code: 'CONFIG_INVALID', hint: otherServer },
  62: { code: 'LOCK_HELD', hint: (repository) => `it was stopped; type: ${byHand(repository)} start` },
  63: { code: 'INTERRUPTED', hint: () => 'run the same command again' },
  68: configuration,
  72: configuration,
  73: configuration,
  75: { code: 'USAGE', hint: () => 'see: dwh backup list' },
  82: {
    code: 'BACKUP_FAILED',
    hint: () => 'the log of the server says why archive_command fails; SELECT * FROM pg_stat_archiver',
  },
  87: configuration,
  95: { code: 'CONFIG_INVALID', hint: () => 'the passphrase of the repository is another one' },
}

/** A command of pgBackRest as a DBA types it, as the user who owns the repository. */
export function byHand({ config, stanza }: Repository): string {
  return `pgbackrest --config=${shellWord(config)} --stanza=${stanza}`
}

/** A word that a shell takes as it stands. */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}

/**
 * The error behind an exit code of pgBackRest.
 *
 * @param errors as its log has them: `[055]: unable to open …`, with their hints
 */
export function failureOf(
  repository: Repository,
  verb: string,
  exit: number | null,
  errors: string[],
): DwhError {
  const said = errors.map((text) => text.replace(/^\[\d+\]: /, '')).join('; ')
  const number = Number(/^\[(\d+)\]/.exec(errors[0] ?? '')?.[1] ?? exit)
  const full = /No space left on device/.test(said)
  const { code, hint } = full
    ? { code: 'DISK_FULL' as const, hint: () => 'free some room, and type the same command again' }
    : (meanings[number] ?? { code: verb === 'backup' ? ('BACKUP_FAILED' as const) : ('FAILED' as const) })
  const how = exit === null ? 'was killed' : `ended with ${exit}`
  return new DwhError(code, `pgbackrest ${verb} ${how}: ${said || 'it said nothing'}; ${untouched[verb]}`, {
    ...(hint ? { hint: hint(repository) } : {}),
  })
}

function otherServer(repository: Repository): string {
  return `the stanza ${repository.stanza} was made for another server, or for this one before pg_upgrade: in that case type: ${byHand(repository)} stanza-upgrade; otherwise name another stanza`
}

function damaged(): string {
  return 'see what is damaged: dwh backup verify'
}

function readable({ folder }: Repository): string {
  return `everything in ${folder} must belong to the user who owns the data of the server: chown -R postgres ${shellWord(folder)}`
}
