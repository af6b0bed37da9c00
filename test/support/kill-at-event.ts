// Given to node by --import, in front of the program: ends its process, as `kill -9` would, at one exact event.
import { subscribe } from 'node:diagnostics_channel'

const wanted: [string, unknown][] = Object.entries(JSON.parse(process.env.DWH_TEST_KILL_AT ?? '{}'))

subscribe('dwh:event', (event) => {
  const members = event as Record<string, unknown>
  if (wanted.every(([name, value]) => members[name] === value)) process.kill(process.pid, 'SIGKILL')
})
