// Given to node by --import, in front of the program: ends its process, as `kill -9` would, at one exact event; or stops it
// there, until somebody sends SIGCONT; or interrupts it, as Ctrl-C would.
import { subscribe } from 'node:diagnostics_channel'

/** Each is waited for once the one before it has come; the signal goes out at the last. */
const wanted: Record<string, unknown>[] = [JSON.parse(process.env.DWH_TEST_KILL_AT ?? '{}')].flat()
const signal = process.env.DWH_TEST_KILL_WITH as 'SIGKILL' | 'SIGSTOP' | 'SIGINT'
let seen = 0

subscribe('dwh:event', (event) => {
  const members = event as Record<string, unknown>
  const next = wanted[seen]
  if (!next || !Object.entries(next).every(([name, value]) => members[name] === value)) return
  seen += 1
  if (seen === wanted.length) process.kill(process.pid, signal)
})
