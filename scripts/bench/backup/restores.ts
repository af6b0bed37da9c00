import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { BackupFolder } from '../../../src/backup/folder.ts'
import { packageRoot } from '../../../src/package.ts'
import type { Figures, Way } from '../bench.ts'
import { runDwh, runProgram } from '../measure.ts'
import type { Place, Scene } from './scene.ts'

export const full = 'restore-full'
export const leaf = 'restore-leaf'
const pgRestore = 'pg_restore -j2'
const restored = 'backup_restored'

/** All of it into a new database, and one leaf of 24 back into the live table. */
export function restoreWays(scene: Scene, create: (folder: string) => Promise<Figures>): Way[] {
  const folder = join(scene.folder, 'made', 'restore')
  const archive = join(scene.folder, 'made', 'archive')
  const unit = { work: full, way: pgRestore }
  let begun = false
  const prepare = async () => {
    if (!begun) {
      await create(folder)
      rmSync(archive, { recursive: true, force: true })
      await runProgram('pg_dump', ['-Fd', '-j2', '-f', archive], { env: scene.env('records') })
    }
    begun = true
    await using admin = await scene.open('records')
    await admin.run(`DROP DATABASE IF EXISTS ${restored}`)
  }
  const name = async () => (await BackupFolder.find(folder, undefined)).backup.name
  return [
    {
      ...unit,
      unit,
      prepare,
      run: async () => {
        const env = scene.env('records')
        await runProgram('createdb', ['-T', 'template0', restored], { env })
        await runProgram('pg_restore', ['-j2', '-d', restored, archive], { env })
        return {}
      },
    },
    {
      ...{ work: full, way: 'dwh', unit, prepare },
      bar: { times: 1.1, of: pgRestore },
      run: async () =>
        withoutProof(scene, ['restore', await name(), '--folder', folder, '--into', restored, '--yes']),
    },
    {
      ...{ work: leaf, way: 'dwh', unit: { work: full, way: 'dwh' } },
      prepare: async () => {
        await runDwh(scene.folder, ['migrate', 'up', '--yes'], scene.env('records'))
        await using session = await scene.open('records')
        const kept = await session.rows("SELECT FROM pg_class WHERE relname ~ '_before_restore_'")
        const words = ['restore', '--finish', 'measure', '--yes', '--folder', folder]
        if (kept.length > 0) await runDwh(scene.folder, words, scene.env('records'))
        await session.run(
          `UPDATE public.measure SET quality = 9 WHERE ts >= '2024-06-01' AND ts < '2024-07-01'`,
        )
      },
      bar: 0.12,
      run: async () =>
        withoutProof(scene, [
          ...['restore', await name(), 'measure', '--partition', '2024-06', '--folder', folder, '--yes'],
        ]),
    },
  ]
}

/** The proof is counted apart. */
async function withoutProof(scene: Scene, words: string[], place: Place = 'records'): Promise<Figures> {
  const started = performance.now()
  const { rss_mb, stderr } = await runProgram(
    process.execPath,
    [
      ...['--import', join(import.meta.dirname, 'tell-steps.ts')],
      ...[join(packageRoot, 'bin', 'dwh.js'), ...words],
    ],
    { env: scene.env(place), cwd: scene.folder },
  )
  const proof = [...stderr.matchAll(/^step (?:proof|prove) ([\d.]+)$/gm)]
  const proved = proof.reduce((sum, { 1: seconds }) => sum + Number(seconds), 0)
  return { rss_mb, seconds: (performance.now() - started) / 1000 - proved }
}
