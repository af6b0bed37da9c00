import { checkTitle, chooseChecks } from '../checks/check.ts'
import { runChecks } from '../checks/run.ts'
import { DwhError } from '../errors.ts'
import { keepCheckResult } from '../ledger/checks.ts'
import type { Scene, Task } from './task.ts'
import { plainCount } from './words.ts'

/** Of each check: what stops it is the timeout of its task. */
const longestSeconds = 86_400
const sample = 5

/** The checks of the warehouse file, each a task. */
export async function planChecks({ warehouse, datasets }: Scene): Promise<Task[]> {
  const names = datasets.map(({ name }) => name)
  const checks = chooseChecks(warehouse, names, [])
  return checks.map((check) => ({
    name: 'checks',
    subject: checkTitle(check),
    plan: check.description ?? 'run it',
    async run({ session, work, run }) {
      const days = { from: undefined, to: undefined }
      const options = { days, sample, timeoutSeconds: longestSeconds }
      const [result] = await runChecks(session, work, [check], options, (result) =>
        keepCheckResult(session, {
          ...result,
          run,
          warehouse: warehouse.name,
          dataset: check.dataset.name,
          check: check.name,
          severity: check.severity,
          threshold: check.threshold,
          from: null,
          to: null,
        }),
      )
      if (result?.error) throw result.error
      const rows = result?.rows ?? 0
      if (result?.state === 'failed') {
        throw new DwhError('CHECK_FAILED', `${plainCount(rows, 'row')} against it`, {
          hint: `see them: dwh check ${check.dataset.name} --check ${check.name}`,
        })
      }
      const reason =
        result?.state === 'warned' ? `a warning: ${plainCount(rows, 'row')} against it` : undefined
      return { outcome: 'done', reason, after: { state: result?.state, rows } }
    },
  }))
}
