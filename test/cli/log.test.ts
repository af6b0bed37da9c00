import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import { RunLog } from '../../src/cli/log.ts'
import { makePrivate } from '../../src/postgres/server/folder.ts'

afterEach(() => {
  vi.unstubAllEnvs()
})

test.each(['logs', 'spool'])(
  '%s are for their owner alone, in a state folder that others can pass',
  (name) => {
    const folder = mkdtempSync(join(tmpdir(), 'dwh-log-'))
    try {
      const state = join(folder, 'state')
      vi.stubEnv('DWH_STATE_DIR', state)
      if (name === 'logs') new RunLog('sales', 1).write({ type: 'note', message: 'one' })
      else makePrivate(name)
      const mode = (path: string) => statSync(path).mode & 0o777
      expect(mode(join(state, name))).toBe(0o700)
      if (process.getuid?.() === 0) expect(mode(state)).toBe(0o755)
    } finally {
      rmSync(folder, { recursive: true })
    }
  },
)
