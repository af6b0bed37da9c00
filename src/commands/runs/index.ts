import type { Group } from '../../cli/command.ts'
import { runsList } from './list.ts'
import { runsLog } from './log.ts'
import { runsPrune } from './prune.ts'
import { runsShow } from './show.ts'

export const runsGroup: Group = {
  name: 'runs',
  summary: 'what was done, and how it went',
  commands: [runsList, runsShow, runsLog, runsPrune],
}
