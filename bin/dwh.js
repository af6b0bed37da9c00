#!/usr/bin/env node
// Plain JavaScript that every Node.js can parse, so that one too old gets a sentence and not a stack.
import { existsSync, mkdirSync } from 'node:fs'
import module from 'node:module'
import { homedir } from 'node:os'
import { join } from 'node:path'

// node-pg-migrate's loader of TypeScript would keep what it compiled in the shared temporary folder, where anybody may
// have put something else in its place.
process.env.JITI_FS_CACHE = 'false'

const [major, minor] = process.versions.node.split('.').map(Number)
const fromSource = existsSync(new URL('../src/bin.ts', import.meta.url))

if (major < 22 || (major === 22 && minor < 18)) {
  refuse('22.18')
} else if (fromSource && major < 24) {
  // The sources use `await using`, which Node.js runs from 24 on; the compiled package does not.
  refuse('24 (in a clone)')
} else {
  keepCompiled()
  await import(fromSource ? '../src/bin.ts' : '../dist/bin.js')
}

/** Half of a short command is the compiling of its code; what is kept of it lies where only this user can write. */
function keepCompiled() {
  const folder = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'dwh', 'compiled')
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    module.enableCompileCache?.(folder)
  } catch {
    // Without a place to keep it, it is compiled anew.
  }
}

function refuse(needed) {
  const hint = fromSource
    ? 'in a clone type `npx dwh …`: it uses the Node.js in node_modules'
    : 'install a newer one from https://nodejs.org'
  process.stderr.write(`dwh: needs Node.js ${needed} or newer, this is ${process.versions.node}; ${hint}\n`)
  process.exitCode = 3
}
