import type { Group } from '../../cli/command.ts'
import { backfillAccept } from './accept.ts'
import { backfillCancel } from './cancel.ts'
import { backfillList } from './list.ts'
import { backfillPause } from './pause.ts'
import { backfillPlan } from './plan.ts'
import { backfillResume } from './resume.ts'
import { backfillRetry } from './retry.ts'
import { backfillRun } from './run.ts'
import { backfillStatus } from './status.ts'
import { backfillUndo } from './undo.ts'
import { backfillVerify } from './verify.ts'
import { backfillWork } from './work.ts'

export const backfillGroup: Group = {
  name: 'backfill',
  summary: 'years of history from any source, window by window, each exactly once',
  commands: [
    backfillPlan,
    backfillRun,
    backfillWork,
    backfillList,
    backfillStatus,
    backfillPause,
    backfillResume,
    backfillCancel,
    backfillRetry,
    backfillVerify,
    backfillAccept,
    backfillUndo,
  ],
}
