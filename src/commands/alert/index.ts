import type { Group } from '../../cli/command.ts'
import { alertList } from './list.ts'
import { alertTest } from './test.ts'

export const alertGroup: Group = {
  name: 'alert',
  summary: 'who is told when something is the matter',
  commands: [alertTest, alertList],
}
