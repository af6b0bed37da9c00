// A process that runs one command line of `dwh` after another, each as bin/dwh.js does, but with the code loaded already:
// loading it costs more than most commands do. See warm.ts for who asks.
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { packageRoot } from '../../src/package.ts'

export interface Order {
  words: string[]
  cwd: string
  env: Record<string, string>
  /** Written to both streams behind everything that the command has written. */
  end: string
}

const bin = pathToFileURL(join(packageRoot, 'src', 'bin.ts')).href
let orders = 0

process.on('message', async ({ words, cwd, env, end }: Order) => {
  process.chdir(cwd)
  become({ ...env, JITI_FS_CACHE: 'false' })
  process.argv.splice(1, Infinity, join(packageRoot, 'bin', 'dwh.js'), ...words)
  process.exitCode = undefined
  // The streams are opened when they are first asked for.
  const streams = [process.stdout, process.stderr]
  const before = process.getActiveResourcesInfo()
  orders += 1
  // Under another name it is run anew; what it imports is there.
  await import(`${bin}?${orders}`)
  await nothingMoreThan(before)
  for (const signal of ['SIGINT', 'SIGTERM']) process.removeAllListeners(signal)
  for (const stream of streams) stream.removeAllListeners('error').write(end)
  // Nobody is to find the folder in use who deletes it.
  process.chdir('/')
  process.send?.(process.exitCode ?? 0)
})
process.on('disconnect', () => process.exit())

function become(env: Record<string, string>): void {
  for (const name of Object.keys(process.env)) if (!(name in env)) delete process.env[name]
  for (const [name, value] of Object.entries(env)) if (process.env[name] !== value) process.env[name] = value
}

/** A process ends when nothing is under way in it any more: a connection or a timer that is forgotten would keep it. */
async function nothingMoreThan(before: string[]): Promise<void> {
  const count = (all: string[], type: string) => all.filter((one) => one === type).length
  for (;;) {
    const now = process.getActiveResourcesInfo()
    if (now.every((type) => count(now, type) <= count(before, type))) return
    await sleep(2)
  }
}
