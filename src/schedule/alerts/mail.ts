import { createTransport } from 'nodemailer'
import { headline, type Message } from './message.ts'

interface MailSettings {
  smtp: string
  user?: string | undefined
  password?: string | undefined
  from: string
  to: string[]
}

const patience = 10_000

/** @throws Error where the server did not take it for every receiver */
export async function tellMail(settings: MailSettings, message: Message): Promise<void> {
  const { smtp, user, password, from, to } = settings
  const { hostname, port, protocol } = new URL(smtp)
  const isSecure = protocol === 'smtps:'
  const transport = createTransport({
    host: hostname.replace(/^\[|\]$/g, ''),
    port: Number(port) || (isSecure ? 465 : 587),
    secure: isSecure,
    // A password goes over no line that others can read.
    requireTLS: user !== undefined,
    ...(user === undefined ? {} : { auth: { user, pass: password ?? '' } }),
    ...{ connectionTimeout: patience, greetingTimeout: patience, socketTimeout: patience },
  })
  try {
    const { rejected } = await transport.sendMail({
      ...{ from, to },
      subject: headline(message).slice(0, 200),
      text: textOf(message),
      headers: { 'Auto-Submitted': 'auto-generated' },
    })
    if (rejected.length > 0) throw new Error(`refused for ${rejected.join(', ')}`)
  } finally {
    transport.close()
  }
}

function textOf({ message, hint, opened_at, resolved_at, state }: Message): string {
  return [
    message,
    ...(hint && state === 'open' ? ['', `  ${hint}`] : []),
    '',
    `since ${opened_at}${resolved_at ? `, over since ${resolved_at}` : ''}`,
    ...(state === 'open' ? ['One more mail comes when it is over, and none before.'] : []),
    '',
  ].join('\n')
}
