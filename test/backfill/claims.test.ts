import { expect, test } from 'vitest'
import type { NewChunk } from '../../src/ledger/chunk.ts'
import { claimChunk, planChunks } from '../../src/ledger/chunks.ts'
import { seedBackfill } from '../support/backfills.ts'
import { freshDatabase } from '../support/database.ts'
import { server } from '../support/servers.ts'
import { backfillTemplate } from './fixture.ts'

const template = backfillTemplate(server)

test('windows wait for those of the same days that they are computed from, and for no others', async () => {
  await using database = await freshDatabase(server, { template: template.name })
  await using session = await database.open()
  const backfill = await seedBackfill(session, { warehouse: 'mine', parallel: 10 }, [])
  await session.run(`UPDATE dwh.backfills SET settings = settings || '{"after": {"quarters": ["hours"]}}'`)
  const chunk = (dataset: string, from: string, to: string): NewChunk => ({
    ...{ dataset, source: 'own', schema_name: 'public', table_name: dataset, zone: 'UTC', code: 'c' },
    ...{ window_from: `2024-${from}-01`, window_to: `2024-${to}-01`, parameters: {} },
  })
  await planChunks(session, backfill, 'mine', [
    chunk('quarters', '01', '04'),
    chunk('hours', '01', '02'),
    chunk('hours', '03', '04'),
    chunk('quarters', '04', '07'),
  ])
  const claim = async () => {
    const found = await claimChunk(session, backfill, 1)
    return found && found !== 'busy' ? `${found.dataset} ${found.window_from}` : found
  }
  expect([await claim(), await claim(), await claim(), await claim()]).toEqual([
    'hours 2024-01-01',
    'hours 2024-03-01',
    'quarters 2024-04-01',
    undefined,
  ])
  // Of what has not come nothing is computed.
  await session.run("UPDATE dwh.chunks SET ended_at = now(), outcome = 'failed' WHERE dataset = 'hours'")
  expect(await claim()).toBe(undefined)
  await session.run("UPDATE dwh.chunks SET outcome = 'done' WHERE dataset = 'hours'")
  expect(await claim()).toBe('quarters 2024-01-01')
})

test('a claim goes on from the watermark of what counts, but not of what other settings have made', async () => {
  await using database = await freshDatabase(server, { template: template.name })
  await using session = await database.open()
  const watermark = async (code: string) => {
    const backfill = await seedBackfill(session, { warehouse: 'mine', parallel: 10 }, [])
    await planChunks(session, backfill, 'mine', [
      {
        ...{ dataset: 'facts', source: 'own', schema_name: 'public', table_name: 'facts', zone: 'UTC', code },
        ...{ window_from: null, window_to: null, parameters: {} },
      },
    ])
    const claim = await claimChunk(session, backfill, 1)
    if (!claim || claim === 'busy') throw new Error('nothing was claimed')
    await session.run('UPDATE dwh.chunks SET superseded_by = $1 WHERE chunk <> $1', [claim.chunk])
    await session.run(
      "UPDATE dwh.chunks SET ended_at = now(), outcome = 'done', watermark = code || ' ' || chunk WHERE chunk = $1",
      [claim.chunk],
    )
    return claim.watermark?.split(' ')[0] ?? null
  }
  expect([await watermark('a'), await watermark('a'), await watermark('b')]).toEqual([null, 'a', null])
})
