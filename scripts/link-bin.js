// Puts `dwh` into node_modules/.bin of a clone, so that `npx dwh` runs the working tree under the project's own Node.js.
// npm runs it when it has changed node_modules here; `prepare` would be asked of everybody who installs the package.
import { existsSync, mkdirSync, rmSync, symlinkSync } from 'node:fs'

const bin = new URL('../node_modules/.bin/', import.meta.url)
if (existsSync(new URL('../src/bin.ts', import.meta.url)) && process.platform !== 'win32') {
  mkdirSync(bin, { recursive: true })
  const link = new URL('dwh', bin)
  rmSync(link, { force: true })
  symlinkSync('../../bin/dwh.js', link)
}
