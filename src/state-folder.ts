import { homedir } from 'node:os'
import { join } from 'node:path'

/**
 * Where `dwh` keeps what belongs to this machine and no database: embedded servers and the logs of runs.
 * DWH_STATE_DIR, else /var/lib/dwh for root (PostgreSQL refuses root, and the user it runs as must be able to enter),
 * else XDG_STATE_HOME/dwh, else ~/.local/state/dwh.
 */
export function stateFolder(): string {
  if (process.env.DWH_STATE_DIR) return process.env.DWH_STATE_DIR
  if (process.getuid?.() === 0) return '/var/lib/dwh'
  return join(process.env.XDG_STATE_HOME || join(homedir(), '.local', 'state'), 'dwh')
}
