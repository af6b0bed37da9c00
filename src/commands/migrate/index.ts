import type { Group } from '../../cli/command.ts'
import { migrateCreate } from './create.ts'
import { migrateDown } from './down.ts'
import { migrateStatus } from './status.ts'
import { migrateUp } from './up.ts'
import { migrateVerify } from './verify.ts'

export const migrateGroup: Group = {
  name: 'migrate',
  summary: 'versioned migrations',
  commands: [migrateUp, migrateDown, migrateStatus, migrateCreate, migrateVerify],
}
