import { ident, shown } from '../postgres/identifiers.ts'
import { type Answer, no, unknown, yes } from './answer.ts'
import type { Facts } from './facts.ts'

type Question = (facts: Facts) => Answer

/** Major versions that the tests of this project run on. */
const testedVersions = [15, 18]

const gigabytes = (bytes: number) => `${(bytes / 1024 ** 3).toFixed(1)} GB`

/** The questions, in the order in which they are told. */
export const questions: Question[] = [
  function version({ server }) {
    const ask = 'Is the server PostgreSQL 14 or newer?'
    const major = Math.floor(server.version_number / 10_000)
    if (major < 14) return no('version', ask, server.version, 'upgrade the server with pg_upgrade')
    const tested = testedVersions.includes(major)
      ? ''
      : `; dwh is tested on ${testedVersions.join(' and ')}, not on ${major}`
    return yes('version', ask, `${server.version}${tested}`)
  },

  function primary({ server }) {
    const ask = 'Can the server be written to?'
    if (!server.in_recovery) return yes('primary', ask, 'it is a primary')
    return no('primary', ask, 'it is a standby', 'connect to the primary; see: dwh config show')
  },

  function encoding({ server }) {
    const ask = 'Is the database stored in UTF-8?'
    if (server.encoding === 'UTF8') return yes('encoding', ask, 'UTF8')
    const copy = `CREATE DATABASE new_name ENCODING 'UTF8' TEMPLATE template0; then pg_dump ${server.database} | psql new_name`
    return no('encoding', ask, server.encoding, copy)
  },

  function lz4({ hasLz4 }) {
    const ask = 'Was the server built with LZ4?'
    if (hasLz4) return yes('lz4', ask, 'yes')
    return no(
      'lz4',
      ask,
      'no: pglz is used instead',
      'use a server built --with-lz4, as those of Debian and PGDG are',
    )
  },

  function privileges({ server, tables }) {
    const ask = `May ${server.role} create what is needed?`
    const grants: string[] = []
    if (!server.may_create)
      grants.push(`GRANT CREATE ON DATABASE ${ident(server.database)} TO ${ident(server.role)}`)
    for (const { schema, name, owner, is_owner, may_create } of tables) {
      if (!is_owner)
        grants.push(`GRANT ${ident(owner)} TO ${ident(server.role)} -- owner of ${shown({ schema, name })}`)
      else if (!may_create) grants.push(`GRANT CREATE ON SCHEMA ${ident(schema)} TO ${ident(server.role)}`)
    }
    if (grants.length === 0) return yes('privileges', ask, 'yes')
    return no('privileges', ask, 'not everything', [...new Set(grants)].join('; '))
  },

  function disk({ server, tables, freeBytes }) {
    const ask = 'Is twice the largest table free on its disk?'
    const [largest] = tables
    const folder = largest?.location ?? server.data_directory
    const free = folder === null ? undefined : freeBytes.get(folder)
    if (free === undefined) return unknown('disk', ask, 'the disk of the server cannot be seen from here')
    if (!largest) return yes('disk', ask, `${gigabytes(free)} free, no table yet`)
    const needed = 2 * largest.bytes
    const finding = `${gigabytes(free)} free in ${folder}, ${gigabytes(needed)} needed for ${shown(largest)}`
    return free >= needed
      ? yes('disk', ask, finding)
      : no('disk', ask, finding, `free some room in ${folder}`)
  },

  function memory({ server, machine }) {
    const ask = 'Is the memory of the machine used?'
    if (!machine) return unknown('memory', ask, 'the machine of the server cannot be seen from here')
    const { memory, cores } = machine
    const finding = `shared_buffers ${gigabytes(server.shared_buffers)} of ${gigabytes(memory)}, ${cores} cores`
    if (server.shared_buffers >= Math.min(memory / 16, 8 * 1024 ** 3)) return yes('memory', ask, finding)
    const wanted = Math.round(Math.min(memory / 8, 8 * 1024 ** 3) / 1024 ** 2)
    return no(
      'memory',
      ask,
      finding,
      `ALTER SYSTEM SET shared_buffers = '${wanted}MB'; then restart the server`,
    )
  },

  function preparedTransactions({ server }) {
    const ask = 'Is the server free of prepared transactions?'
    if (server.prepared === 0) return yes('prepared', ask, 'none')
    return no(
      'prepared',
      ask,
      `${server.prepared}: ${server.prepared_names}`,
      'ROLLBACK PREPARED or COMMIT PREPARED each',
    )
  },

  function transactions({ longTransactions }) {
    const ask = 'Is no transaction open for more than five minutes?'
    const [longest] = longTransactions
    if (!longest) return yes('long_transactions', ask, 'none')
    const { pid, role, application, state, seconds } = longest
    const finding = `${longTransactions.length}; session ${pid} (${role}, ${application || 'no name'}, ${state}) for ${Math.round(seconds / 60)} min`
    return no('long_transactions', ask, finding, `SELECT pg_terminate_backend(${pid})`)
  },
]
