import { command, flag } from '../../cli/command.ts'
import { serverFolder } from '../../postgres/server/folder.ts'
import { stopServer } from '../../postgres/server/server.ts'

export const stop = command({
  name: 'stop',
  summary: 'stop the embedded server; its data stays',
  description: 'Ends all sessions, writes a checkpoint and stops. Says so when no server runs.',
  options: {
    immediate: flag('--immediate', 'stop without a checkpoint: the next start recovers'),
  },
  examples: ['dwh dev stop'],
  async run(context, { immediate }) {
    const stopped = await stopServer(
      serverFolder(process.cwd()),
      context.work,
      immediate ? 'immediate' : 'fast',
    )
    context.say(stopped ? 'stopped' : 'not running')
  },
})
