import type { FileResult, PlannedFile } from '../load/files.ts'
import { shown } from '../postgres/identifiers.ts'

export function planJson({ input, target, plan, earlier }: PlannedFile) {
  const file = {
    file: input.name,
    bytes: input.bytes,
    table: shown(target.dataset.target),
    already_loaded: earlier ? { load: earlier.load, run: earlier.run } : null,
  }
  if (!plan) return file
  const { strategy, why, rows, touched, missing, sampled, scope } = plan
  return {
    ...file,
    strategy,
    why,
    rows_guessed: rows,
    leaves: touched,
    leaves_to_create: missing,
    columns: target.plan.filled.map(({ column }) => column.name),
    columns_missing: target.plan.missing.map(({ name }) => name),
    columns_ignored: target.plan.ignored,
    sample: sampled,
    scope: scope ?? null,
  }
}

export function resultJson(result: FileResult) {
  const { file, state } = result
  if (result.state === 'failed')
    return { file, state, error_code: result.error.code, error: result.error.message }
  if (result.state === 'already loaded') return { file, state, load: result.load, run: result.run }
  const { load, leaves, ...figures } = result.loaded
  return {
    file,
    state,
    load,
    strategy: result.strategy,
    ...figures,
    leaves: leaves.map(({ name, rows }) => ({ name, rows: rows ?? null })),
    seconds: Math.round(result.seconds * 1000) / 1000,
  }
}
