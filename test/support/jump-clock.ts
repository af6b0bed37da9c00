// Given to node by --import, in front of the program: its clock begins at one instant, and jumps to others at exact events.
import { subscribe } from 'node:diagnostics_channel'

export interface ClockJump {
  /** Members of the event that it jumps at; not there for the beginning. A text may be a part of what the event says. */
  at?: Record<string, string>
  to: string
}

const [first, ...jumps]: ClockJump[] = JSON.parse(process.env.DWH_TEST_CLOCK ?? '[]')
const now = Date.now.bind(Date)
let ahead = first ? Date.parse(first.to) - now() : 0
Date.now = () => now() + ahead

subscribe('dwh:event', (event) => {
  const members = event as Record<string, unknown>
  const [next] = jumps
  if (!next || !Object.entries(next.at ?? {}).every(([name, part]) => String(members[name]).includes(part)))
    return
  jumps.shift()
  ahead = Date.parse(next.to) - now()
})
