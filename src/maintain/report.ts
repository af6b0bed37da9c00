import { join } from 'node:path'
import { reportFacts } from '../report/facts.ts'
import { upkeepPeriod } from '../report/period.ts'
import { renderings, writeReport } from '../report/write.ts'
import { folderBeside } from '../warehouse/beside.ts'
import type { Scene, Task } from './task.ts'

/** The report of the month, into the folder of the warehouse file; the last task, so that it says what the others gained. */
export async function planReport({ session, warehouse }: Scene): Promise<Task[]> {
  const { folder, format } = warehouse.maintenance.report
  const { now } = await session.one<{ now: Date }>('SELECT clock_timestamp() AS now')
  const { month, ...period } = upkeepPeriod(now)
  const path = join(folderBeside(warehouse, 'reports', folder), `${month}.${format}`)
  return [
    {
      name: 'report',
      subject: month,
      plan: `write ${path}`,
      // It changes nothing, and what the window has cut short belongs into it.
      anytime: true,
      async run({ session }) {
        const text = renderings[format](await reportFacts(session, warehouse, period))
        await writeReport(path, text)
        return { outcome: 'done', reason: path, after: { path, bytes: Buffer.byteLength(text) } }
      },
    },
  ]
}
