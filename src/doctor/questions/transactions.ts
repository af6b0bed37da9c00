import { ident, literal, relation, shown } from '../../postgres/identifiers.ts'
import { sql } from '../../postgres/sql-files.ts'
import { advice, bySql, type Mend, named, no, unknown, warning, yes } from '../answer.ts'
import type { Question } from '../question.ts'
import type { Subject } from '../subject.ts'

const minutes = (seconds: number) => `${Math.round(seconds / 60)} min`

export const preparedTransactions: Question = {
  id: 'prepared',
  ask: 'Is no transaction left prepared?',
  async answer({ session, limits }) {
    const all = await session.rows<{ gid: string; role: string; seconds: number }>(
      sql('doctor/prepared_transactions'),
    )
    const old = all.filter(({ seconds }) => seconds >= limits.transactionSeconds)
    if (old.length === 0) return yes(all.length === 0 ? 'none' : `${all.length}, prepared a moment ago`)
    const each = old.map(({ gid, role, seconds }) => `${literal(gid)} of ${role} for ${minutes(seconds)}`)
    return no(named(each), bySql(...old.map(({ gid }) => `ROLLBACK PREPARED ${literal(gid)}`)))
  },
}

export const longTransactions: Question = {
  id: 'long_transactions',
  ask: 'Is no transaction open for long?',
  async answer(subject) {
    const open = await subject.session.rows<{
      pid: number
      role: string
      application: string
      state: string
      seconds: number
    }>(sql('doctor/long_transactions'), [subject.limits.transactionSeconds])
    if (open.length === 0) return nobody(subject)
    const each = open.map(
      ({ pid, role, application, state, seconds }) =>
        `session ${pid} (${[role, application || 'no name', state].join(', ')}) for ${minutes(seconds)}`,
    )
    return no(named(each), bySql(...open.map(({ pid }) => `SELECT pg_terminate_backend(${pid}, 5000)`)))
  },
}

/** Nobody was seen, which says little where nobody could be. */
async function nobody({ server }: Subject) {
  const { may_see_sessions, role } = await server()
  if (may_see_sessions) return yes('none')
  return unknown(
    `${role} sees the sessions of its own only`,
    bySql(`GRANT pg_read_all_stats TO ${ident(role)}`),
  )
}

export const slots: Question = {
  id: 'replication_slots',
  ask: 'Is every replication slot in use?',
  async answer({ session, limits }) {
    const unused = await session.rows<{ name: string; wal_status: string; bytes: number }>(
      sql('doctor/unused_slots'),
    )
    if (unused.length === 0) return yes('none is idle')
    const each = unused.map(({ name, bytes }) => `${name} keeps ${(bytes / 1024 ** 2).toFixed(0)} MB of WAL`)
    const mend = bySql(...unused.map(({ name }) => `SELECT pg_drop_replication_slot(${literal(name)})`))
    const urgent = unused.some(
      ({ bytes, wal_status }) => bytes >= limits.slotBytes || ['unreserved', 'lost'].includes(wal_status),
    )
    return urgent ? no(named(each), mend) : warning(named(each), mend)
  },
}

interface Holder {
  kind: 'session' | 'prepared transaction' | 'replication slot' | 'unused replication slot' | 'standby'
  name: string
  detail: string | null
  transactions: number
}

export const horizon: Question = {
  id: 'horizon',
  ask: 'Can dead rows be removed soon after they die?',
  async answer(subject) {
    const holders = await subject.session.rows<Holder>(sql('doctor/horizon'), [
      subject.limits.horizonTransactions,
    ])
    if (holders.length === 0) return nobody(subject)
    const each = holders.map(
      ({ kind, name, detail, transactions }) =>
        `${kind} ${name}${detail ? ` (${detail})` : ''} still sees those of ${transactions} transactions ago`,
    )
    return no(named(each), release(holders))
  },
}

/** SQL for whoever can be sent away from here; where there is none, words. */
function release(holders: Holder[]): Mend {
  const statements = holders.flatMap(({ kind, name }) => {
    if (kind === 'session') return `SELECT pg_terminate_backend(${name}, 5000)`
    if (kind === 'prepared transaction') return `ROLLBACK PREPARED ${literal(name)}`
    return kind === 'unused replication slot' ? `SELECT pg_drop_replication_slot(${literal(name)})` : []
  })
  if (statements.length > 0) return bySql(...statements)
  return advice('end the long queries on the standby, or set hot_standby_feedback = off there')
}

/** Above this many tables the whole database is frozen in one go. */
const mostTables = 20

export const wraparound: Question = {
  id: 'wraparound',
  ask: 'Are all tables frozen in good time?',
  async answer({ session, limits }) {
    const old = await session.rows<{
      schema: string
      name: string
      transactions: number
      multixacts: number
    }>(sql('doctor/wraparound'), [limits.wraparoundTransactions ?? null])
    if (old.length === 0) return yes()
    const each = old.map(
      (table) => `${shown(table)}: ${table.transactions} transactions, ${table.multixacts} multixacts ago`,
    )
    const tables = old.length > mostTables ? [''] : old.map((table) => ` ${relation(table)}`)
    return no(named(each), bySql(...tables.map((table) => `VACUUM (FREEZE)${table}`)))
  },
}
