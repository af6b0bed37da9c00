/** What every channel tells: the body of the webhook, and the standard input of the command. */
export interface Message {
  warehouse: string
  state: 'open' | 'resolved' | 'test'
  condition: string
  subject: string
  message: string
  hint: string | null
  opened_at: string
  resolved_at: string | null
}

/** `[sigeti] open failure daily: …` */
export function headline({ warehouse, state, condition, subject, message }: Message): string {
  const what = [state, condition, subject].filter((word) => word !== '').join(' ')
  return `[${warehouse}] ${what}: ${message.split('\n')[0]}`
}
