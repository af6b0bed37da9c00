import type { Group } from '../../cli/command.ts'
import { backupCreate } from './create.ts'
import { backupDrill } from './drill.ts'
import { backupList } from './list.ts'
import { backupPrune } from './prune.ts'
import { backupVerify } from './verify.ts'

export const backupGroup: Group = {
  name: 'backup',
  summary: 'backups that are proved',
  commands: [backupCreate, backupList, backupVerify, backupDrill, backupPrune],
}
