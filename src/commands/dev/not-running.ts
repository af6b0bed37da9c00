import { DwhError } from '../../errors.ts'
import type { ServerStatus } from '../../postgres/server/server.ts'

export function notRunning(state: ServerStatus['state']): DwhError {
  const hint = state === 'starting' ? 'wait for it: dwh dev start' : 'start it: dwh dev start'
  return new DwhError('SERVER_UNREACHABLE', `the embedded server of this folder is not ready: ${state}`, {
    hint,
  })
}
