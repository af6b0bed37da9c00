import { join } from 'node:path'
import { ident } from '../../../src/postgres/identifiers.ts'
import type { Way } from '../bench.ts'
import { runDwh } from '../measure.ts'
import type { Scene } from './scene.ts'

export const restoreLeaf = 'restore-leaf'

/**
 * One leaf of 24 brought back into the live table, beside the whole database restored; both with their proofs.
 *
 * @param make a backup in a folder
 */
export function restoreLeafWays(scene: Scene, make: (folder: string) => Promise<unknown>): Way[] {
  const folder = join(scene.folder, 'made', 'restore')
  const everything = 'dwh, everything'
  const into = 'backup_restored'
  const unit = { work: restoreLeaf, way: everything }
  const dwh = (...words: string[]) =>
    runDwh(scene.folder, ['restore', ...words, '--yes', '--json', '--folder', folder], scene.env('records'))
  let made: Promise<unknown> | undefined
  const begin = () => (made ??= make(folder))
  return [
    {
      ...{ work: restoreLeaf, way: everything, unit },
      prepare: async () => {
        await begin()
        await using session = await scene.open('records')
        await session.run(`DROP DATABASE IF EXISTS ${ident(into)}`)
      },
      run: async () => ({ rss_mb: (await dwh('--latest', '--into', into)).rss_mb }),
    },
    {
      ...{ work: restoreLeaf, way: 'dwh', unit, bar: { times: 0.12, of: everything } },
      prepare: async () => {
        await begin()
        await runDwh(scene.folder, ['migrate', 'up', '--yes'], scene.env('records'))
        await using session = await scene.open('records')
        const kept = await session.rows("SELECT FROM pg_class WHERE relname ~ '_before_restore_'")
        if (kept.length > 0) await dwh('--finish', 'measure')
        await session.run(
          `UPDATE public.measure SET quality = 9 WHERE ts >= '2024-06-01' AND ts < '2024-07-01'`,
        )
      },
      run: async () => ({ rss_mb: (await dwh('--latest', 'measure', '--partition', '2024-06')).rss_mb }),
    },
  ]
}
