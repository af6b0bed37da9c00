import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { BackupFolder } from '../../src/backup/folder.ts'
import { verifyBackup } from '../../src/backup/verify.ts'
import { leaf, restoreWays, full as wholly } from './backup/restores.ts'
import { type Place, type Scene, setScene } from './backup/scene.ts'
import type { Bench, Figures, Unit, Way } from './bench.ts'
import { runDwh, runProgram } from './measure.ts'

const full = 'backup-full'
const texts = 'backup-full-texts'
const incremental = 'backup-incremental'
const verify = 'verify'
const pgDump = 'pg_dump -Fd -j2'

const unit: Unit = { work: full, way: pgDump }

/** Backups of 24 leaves with three indexes: all of it, one leaf with the rest sealed, and reading one again. */
export const backup: Bench = {
  name: 'backup',
  summary:
    'backups of monthly leaves with their proofs: in full, after a change in one leaf, read again, restored',
  rows: 5_000_000,
  works: [full, texts, incremental, verify, wholly, leaf],
  unit,
  async ways(stage) {
    const places = new Set<Place>(['records'])
    if (stage.wanted(texts)) places.add('texts')
    if (stage.wanted(incremental)) places.add('sealed')
    const scene = await setScene(stage, places)
    return [
      ...fullWays(scene),
      ...(stage.wanted(texts) ? textsWays(scene) : []),
      ...(stage.wanted(incremental) ? incrementalWays(scene) : []),
      ...(stage.wanted(verify) ? verifyWays(scene) : []),
      ...(stage.wanted(wholly) || stage.wanted(leaf)
        ? restoreWays(scene, (folder) => create(scene, folder, 'records'))
        : []),
    ]
  },
}

function fullWays(scene: Scene): Way[] {
  const dwh = (way: string, ...flags: string[]) => madeAnew(scene, full, way, 'records', flags)
  return [
    dumped(scene, full, 'records'),
    dumped(scene, full, 'records', '-Z0'),
    { ...dwh('dwh'), bar: 1.5 },
    dwh('dwh, gzip', '--compress', 'gzip'),
    dwh('dwh, not compressed', '--compress', 'none'),
  ]
}

function textsWays(scene: Scene): Way[] {
  const unit = { work: texts, way: pgDump }
  return [
    { ...dumped(scene, texts, 'texts'), unit },
    { ...madeAnew(scene, texts, 'dwh', 'texts'), unit, bar: 2.1 },
  ]
}

/** One leaf of 24 has changed since the last backup, the others are sealed and lie in its pack. */
function incrementalWays(scene: Scene): Way[] {
  const folder = join(scene.folder, 'made', 'incremental')
  const everything = 'dwh, everything'
  let begun = false
  return [
    madeAnew(scene, incremental, everything, 'sealed'),
    {
      ...{ work: incremental, way: 'dwh' },
      bar: { times: 0.2, of: everything },
      bytes_bar: 0.06,
      prepare: async () => {
        if (!begun) await create(scene, folder, 'sealed')
        begun = true
        await using session = await scene.open('sealed')
        await session.run(`UPDATE public.measure SET quality = quality + 1 WHERE ts >= '2024-12-31'`)
      },
      run: () => create(scene, folder, 'sealed'),
    },
  ]
}

/** Not compressed, so that there is something to read. */
function verifyWays(scene: Scene): Way[] {
  const folder = join(scene.folder, 'made', 'verify')
  const unit = { work: verify, way: 'sha256sum' }
  let begun = false
  const prepare = async () => {
    if (!begun) await create(scene, folder, 'records', ['--compress', 'none'])
    begun = true
  }
  const made = async () => (await BackupFolder.find(folder, undefined)).backup
  return [
    {
      ...unit,
      unit,
      prepare,
      run: async () => {
        await runProgram('sha256sum', ['--check', '--quiet', 'SHA256SUMS'], { cwd: (await made()).path })
        return {}
      },
    },
    {
      ...{ work: verify, way: 'dwh', unit, prepare },
      bar: { times: 1.5, of: unit.way },
      // Within this process: its start would be most of it.
      run: async () => {
        const { name } = await made()
        const work = { emit: () => {}, signal: new AbortController().signal }
        const { damages, bytes } = await verifyBackup(new BackupFolder(folder), work, name)
        if (damages.length > 0)
          throw new Error(`a backup that nobody touched is damaged: ${damages[0]?.message}`)
        return { bytes }
      },
    },
  ]
}

function dumped(scene: Scene, work: string, place: Place, ...flags: string[]): Way {
  const folder = join(scene.folder, 'made', 'dump')
  return {
    work,
    way: [pgDump, ...flags].join(' '),
    prepare: async () => rmSync(folder, { recursive: true, force: true }),
    run: async () => {
      await runProgram('pg_dump', ['-Fd', '-j2', ...flags, '-f', folder], { env: scene.env(place) })
      const { stdout } = await runProgram('du', ['-sb', folder])
      return { bytes: Number.parseInt(stdout, 10) }
    },
  }
}

/** A backup into an empty folder. */
function madeAnew(scene: Scene, work: string, way: string, place: Place, flags: string[] = []): Way {
  const folder = join(scene.folder, 'made', 'anew')
  return {
    work,
    way,
    prepare: async () => rmSync(folder, { recursive: true, force: true }),
    run: () => create(scene, folder, place, flags),
  }
}

async function create(scene: Scene, folder: string, place: Place, flags: string[] = []): Promise<Figures> {
  const words = ['backup', 'create', '--yes', '--json', '--jobs', '2', '--folder', folder, ...flags]
  const { rss_mb, stdout } = await runDwh(scene.folder, words, scene.env(place))
  return { rss_mb, bytes: JSON.parse(stdout).bytes }
}
