import { execFileSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import type { Session } from '../../../src/postgres/session.ts'
import { databaseTemplate, freshDatabase } from '../../support/database.ts'
import { server, servers } from '../../support/servers.ts'
import { backUp, restore, richDatabase } from './fixture.ts'

test('x', async () => {
  await using database = await freshDatabase(server)
  {
    await using session = await database.open()
    await richDatabase(session)
  }
  await using place = await backUp(database)
  console.log(await restore(database, place, [place.backup, '--into', `${database.name}_copy`]))
  console.log(await restore(database, place, [place.backup]))
})
