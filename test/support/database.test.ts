import { describe, expect, test } from 'vitest'
import { databaseTemplate, freshDatabase } from './database.ts'
import { servers } from './servers.ts'

describe.each(servers)('a database of a test on $name', (server) => {
  const template = databaseTemplate(server, (session) =>
    session.run('CREATE TABLE public.made AS SELECT generate_series(1, 3) AS number'),
  )

  test.each(['first', 'second'])('is a clone of the template for the %s test', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    expect(await session.one('SELECT count(*) FROM public.made')).toEqual({ count: 3 })
    await session.run('TRUNCATE public.made')
  })

  test('is dropped although somebody is still connected', async () => {
    const database = await freshDatabase(server, { encoding: 'LATIN1' })
    await using session = await database.open()
    expect(await session.one('SHOW server_encoding')).toEqual({ server_encoding: 'LATIN1' })
    await database[Symbol.asyncDispose]()
    await expect(session.rows('SELECT 1')).rejects.toMatchObject({ code: 'SERVER_WENT_AWAY' })
    await expect(database.open()).rejects.toMatchObject({ code: 'DATABASE_MISSING' })
  })
})
