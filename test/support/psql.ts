import { execFileSync } from 'node:child_process'
import { join } from 'node:path'

/** Runs a script of a folder with the psql of the system, which ends at its first error. */
export function psqlScript({ cwd, env }: { cwd: string; env: Record<string, string> }, file: string): void {
  execFileSync('psql', ['-Xq', '-v', 'ON_ERROR_STOP=1', '-f', join(cwd, file)], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
}
