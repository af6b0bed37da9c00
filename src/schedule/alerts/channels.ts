import { DwhError } from '../../errors.ts'
import type { Warehouse } from '../../warehouse/load.ts'
import { tellCommand } from './command.ts'
import { tellMail } from './mail.ts'
import type { Message } from './message.ts'
import { tellWebhook } from './webhook.ts'

/** One way to tell people. */
export interface Channel {
  name: 'webhook' | 'mail' | 'command'
  /** Where to, without a secret. */
  to: string
  /** @throws Error where it did not get through */
  tell(message: Message, signal: AbortSignal): Promise<void>
}

/** The channels of a warehouse file, in the order in which they are told. */
export function channelsOf({ alerts: { webhook, mail, command } }: Pick<Warehouse, 'alerts'>): Channel[] {
  const channels: Channel[] = []
  if (webhook) {
    const url = () => webhook.url ?? secret(webhook.url_env)
    // A path of a webhook is often its password.
    const to = webhook.url ? new URL(webhook.url).host : `the URL of ${webhook.url_env}`
    channels.push({ name: 'webhook', to, tell: (message, signal) => tellWebhook(url(), message, signal) })
  }
  if (mail)
    channels.push({
      name: 'mail',
      to: mail.to.join(', '),
      tell: (message) => {
        const password = mail.password_env === undefined ? undefined : secret(mail.password_env)
        return tellMail({ ...mail, password }, message)
      },
    })
  if (command)
    channels.push({
      name: 'command',
      to: command[0] ?? '',
      tell: (message, signal) => tellCommand(command, message, signal),
    })
  return channels
}

function secret(variable = ''): string {
  const value = process.env[variable]
  if (!value) throw new DwhError('CONFIG_INVALID', `the variable ${variable} is not set`)
  return value
}
