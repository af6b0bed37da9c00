// Given to node by --import, in front of the program: ends its process, as `kill -9` would, at one exact event; or stops it
// there, until somebody sends SIGCONT.
import { subscribe } from 'node:diagnostics_channel'

const wanted: [string, unknown][] = Object.entries(JSON.parse(process.env.DWH_TEST_KILL_AT ?? '{}'))
const signal = process.env.DWH_TEST_KILL_WITH as 'SIGKILL' | 'SIGSTOP'
let done = false

subscribe('dwh:event', (event) => {
  const members = event as Record<string, unknown>
  if (done || !wanted.every(([name, value]) => members[name] === value)) return
  done = true
  process.kill(process.pid, signal)
})
