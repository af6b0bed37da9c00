import type { Group } from '../../cli/command.ts'
import { scheduleExplain } from './explain.ts'
import { scheduleInstall } from './install.ts'
import { scheduleList } from './list.ts'
import { schedulePause } from './pause.ts'
import { scheduleResume } from './resume.ts'
import { scheduleRun } from './run.ts'

export const scheduleGroup: Group = {
  name: 'schedule',
  summary: 'jobs of the warehouse file: what was due, what is, what will be',
  commands: [scheduleRun, scheduleList, scheduleExplain, scheduleInstall, schedulePause, scheduleResume],
}
