// Given to node by --import, in front of dwh: says on stderr how long each step took, as `step <name> <seconds>`.
import { subscribe } from 'node:diagnostics_channel'

subscribe('dwh:event', (event) => {
  const { type, step, state, seconds } = event as Record<string, unknown>
  if (type === 'step' && state === 'done') process.stderr.write(`step ${step} ${seconds}\n`)
})
