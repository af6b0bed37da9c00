import type { Group } from '../../cli/command.ts'
import { rejectsExport } from './export.ts'
import { rejectsList } from './list.ts'
import { rejectsReplay } from './replay.ts'
import { rejectsShow } from './show.ts'

export const rejectsGroup: Group = {
  name: 'rejects',
  summary: 'rows that were refused, and why',
  commands: [rejectsList, rejectsShow, rejectsExport, rejectsReplay],
}
