import { z } from 'zod'
import { endFormerHolder } from '../ledger/lease.ts'
import { ledgerPresence } from '../ledger/migrations.ts'
import {
  alreadyLoaded,
  type FileOptions,
  type FileResult,
  loadFiles,
  type PlannedFile,
  planFile,
} from '../load/files.ts'
import { loadLease } from '../load/run.ts'
import { type RejectBudget, readBudget } from '../load/send/reject-log.ts'
import type { Input } from '../sources/file/find.ts'
import type { Dataset } from '../warehouse/load.ts'
import type { Span } from '../warehouse/values.ts'
import type { Context } from './context.ts'
import { planJson, resultJson } from './load-json.ts'
import { renderPlan, renderResult } from './load-text.ts'
import { recorded } from './recorded.ts'

/** What every command that loads files is told about talking. */
export interface LoadTalk {
  dryRun: boolean
  yes: boolean
  json: boolean
  timeout: Span | undefined
}

/** `100` or `5%` */
export const budget = z.string().transform((text, context): RejectBudget => {
  const read = readBudget(text)
  if (read) return read
  context.addIssue({ code: 'custom', message: 'expected a number like 100 or a part like 5%' })
  return z.NEVER
})

/** Plans the loads of some inputs, shows the plan, asks, and loads them as a run. */
export async function planAndLoad(
  context: Context,
  dataset: Dataset,
  inputs: Input[],
  options: FileOptions,
  { dryRun, yes, json, timeout }: LoadTalk,
): Promise<void> {
  await using stack = new AsyncDisposableStack()
  const files: PlannedFile[] = []
  {
    await using session = await context.open()
    const knowsLoads = (await ledgerPresence(session)).has_loads
    for (const one of inputs) {
      if (knowsLoads && !dryRun) await endFormerHolder(session, loadLease(dataset.target, one))
      const file = await planFile(session, context.work, dataset, one, options, knowsLoads)
      stack.use(file.reader)
      files.push(file)
    }
  }
  if (dryRun) {
    if (json) return context.printJson(files.map(planJson))
    return context.print(files.map((file) => renderPlan(context.streams.out, file)).join('\n'))
  }
  context.say(files.map((file) => renderPlan(context.streams.err, file)).join('\n'))
  const left = files.flatMap(({ input, earlier }) => (earlier ? alreadyLoaded(input.name, earlier) : []))
  if (left.length === files.length) {
    context.say('nothing to do; --again loads them once more')
    if (json) context.printJson(left.map(resultJson))
    return
  }
  if (!(await context.confirm('Go on?', yes))) return context.say('nothing was changed')
  const results: FileResult[] = []
  try {
    await recorded(
      context,
      [dataset.name],
      async ({ session, work, run }) => {
        await loadFiles(session, work, files, run, options, (result) => {
          results.push(result)
          if (!json) context.say(renderResult(context.streams.err, result))
        })
        return results.map(resultJson)
      },
      timeout,
    )
  } catch (error) {
    if (json && results.length > 0) context.printJson(results.map(resultJson))
    throw error
  }
  if (json) context.printJson(results.map(resultJson))
}
