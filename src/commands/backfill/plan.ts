import { command, shared } from '../../cli/command.ts'
import { planFlags } from './flags.ts'
import { prepare } from './prepare.ts'
import { planJson, renderPlan } from './render.ts'

export const backfillPlan = command({
  name: 'plan',
  summary: 'show which windows a backfill would take, and why; nothing is changed',
  description:
    'Cuts the days into windows, subtracts what the ledger has done (same dataset, source, window, parameters, settings), ' +
    'and estimates rows, disk and time by what was loaded before, or by asking the sources about a few windows.',
  options: { ...planFlags, json: shared.json },
  examples: [
    'dwh backfill plan --dataset measure --year 2024',
    'dwh backfill plan --all --from 2015-01-01 --to 2025-01-01 --json',
    'dwh backfill plan --dataset measure --year 2024 --stale',
  ],
  async run(context, input) {
    const prepared = await prepare(context, input)
    if (input.json) return context.printJson(planJson(prepared))
    context.print(renderPlan(context.streams.out, prepared))
  },
})
