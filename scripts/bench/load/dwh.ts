import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Figures } from '../bench.ts'
import { runDwh } from '../measure.ts'

const policy =
  'partition: { key: ts, kind: timestamptz, grain: month, from: 2023-01-01, until: 2025-01-01, premake: 0 }'

const warehouse = (rule: string) => `
name: bench
datasets:
  measure:
    target: public.measure
    ${rule}
    columns:
      station_code: text
      ts: timestamptz
      theme: text
      param_code: text
      value: double precision
      quality: smallint
      source: text
      created_at: timestamptz
    ${policy}
`

const rules = {
  key: 'key: [station_code, ts, param_code]\n    recency: created_at',
  /** For a table without a key. */
  keyless: 'description: rows as they come',
}

/** Writes the warehouse of each rule into the folder. */
export function writeWarehouses(folder: string): void {
  for (const [name, rule] of Object.entries(rules)) {
    mkdirSync(join(folder, name))
    writeFileSync(join(folder, name, 'dwh.yaml'), warehouse(rule))
  }
}

/** Prepares the ledger, as a warehouse has it before its first load. */
export async function makeLedger(folder: string, env: Record<string, string>): Promise<void> {
  await runDwh(join(folder, 'key'), ['migrate', 'up', '--yes'], env)
}

/** `dwh load` as a process of its own, with its start and its end. */
export async function dwhLoad(
  folder: string,
  rule: keyof typeof rules,
  file: string,
  flags: string[],
  env: Record<string, string>,
): Promise<Figures> {
  const { rss_mb } = await runDwh(join(folder, rule), ['load', 'measure', file, '--yes', ...flags], env)
  return { rss_mb }
}
