import type { Group } from '../../cli/command.ts'
import { compressAudit } from './audit.ts'

export const compressGroup: Group = {
  name: 'compress',
  summary: 'compression of values',
  commands: [compressAudit],
}
