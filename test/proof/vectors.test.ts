import { describe, expect, test } from 'vitest'
import { proofVectors } from '../../src/proof/hash.ts'
import { freshDatabase } from '../support/database.ts'
import { servers } from '../support/servers.ts'

describe.each(servers)('on $name', (server) => {
  test('the test vectors give the hash that other servers give', async () => {
    await using database = await freshDatabase(server)
    await using session = await database.open()
    expect(await proofVectors(session)).toBe('record-sum-2x64/1:3930013682745774825:22417363963422354039')
  })
})
