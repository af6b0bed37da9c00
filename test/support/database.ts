import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll } from 'vitest'
import { ident, literal } from '../../src/postgres/identifiers.ts'
import { Session } from '../../src/postgres/session.ts'
import type { Target } from '../../src/postgres/target.ts'
import type { TestServer } from './servers.ts'
import { quietWork } from './work.ts'

/** A database of one test, held with `await using`: dropped with whoever is still connected. */
export interface TestDatabase extends AsyncDisposable {
  name: string
  target: Target
  /** A session of its own, to be held with `await using`. */
  open(application?: string): Promise<Session>
}

export interface FreshDatabaseOptions {
  /** The name of a database to clone, to which nobody is connected; see `databaseTemplate`. */
  template?: string
  /** Such as SQL_ASCII or LATIN1. */
  encoding?: string
}

export async function freshDatabase(
  server: TestServer,
  { template = 'template0', encoding = 'UTF8' }: FreshDatabaseOptions = {},
): Promise<TestDatabase> {
  const name = `test_${randomBytes(6).toString('hex')}`
  const locale = encoding === 'UTF8' ? '' : ` LOCALE_PROVIDER libc LOCALE 'C'`
  await onServer(
    server,
    `CREATE DATABASE ${ident(name)} TEMPLATE ${ident(template)} ENCODING ${literal(encoding)}${locale} STRATEGY file_copy`,
  )
  const target = { ...(await server.target()), database: name }
  return {
    name,
    target,
    open: (application = 'dwh test') => Session.open(target, application, quietWork()),
    [Symbol.asyncDispose]: () => onServer(server, `DROP DATABASE ${ident(name)} WITH (FORCE)`),
  }
}

/**
 * A database that the tests of a `describe` clone: built before the first of them, dropped after the last.
 *
 *     const template = databaseTemplate(server, (session) => session.run('CREATE TABLE …'))
 *     test('…', async () => {
 *       await using database = await freshDatabase(server, { template: template.name })
 */
export function databaseTemplate(
  server: TestServer,
  build: (session: Session) => Promise<unknown>,
): { readonly name: string } {
  let database: TestDatabase | undefined
  beforeAll(async () => {
    database = await freshDatabase(server)
    await using session = await database.open()
    await build(session)
  })
  afterAll(() => database?.[Symbol.asyncDispose]())
  return {
    get name() {
      if (!database) throw new Error('the template is built before the first test: ask for its name in one')
      return database.name
    },
  }
}

async function onServer(server: TestServer, statement: string): Promise<void> {
  await using session = await Session.open(await server.target(), 'dwh tests', quietWork())
  await session.run(statement)
}

/** A role of one test, held with `await using` and declared before the database, which then goes first. */
export async function freshRole(
  server: TestServer,
  name: string,
  options = 'LOGIN',
): Promise<AsyncDisposable & { name: string }> {
  // Roles belong to the whole server, which other tests use at the same time.
  const unique = `${name}${randomBytes(3).toString('hex')}`
  await onServer(server, `CREATE ROLE ${ident(unique)} ${options}`)
  return { name: unique, [Symbol.asyncDispose]: () => onServer(server, `DROP ROLE ${ident(unique)}`) }
}
