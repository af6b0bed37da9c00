import type { Target } from '../postgres/target.ts'
import type { Warehouse } from './load.ts'

/** One setting with its value and where that came from. */
export interface ResolvedSetting {
  name: string
  value: string | undefined
  origin: string
  secret: boolean
}

export interface ResolvedConnection {
  target: Target
  settings: ResolvedSetting[]
}

export function resolveConnection(_from: {
  flags: {
    host?: string | undefined
    port?: string | undefined
    database?: string | undefined
    user?: string | undefined
  }
  warehouse: Warehouse | undefined
}): ResolvedConnection {
  throw new Error('later')
}
