import { join } from 'node:path'
import type { Installation, InstallPlace } from './place.ts'

/** A line that looks every minute whether anything is due; what is longer works on beside the next look. */
export function cronTable({
  warehouse,
  program,
  variables,
  folder,
  isRoot,
  user,
}: InstallPlace): Installation {
  const words = [...program, 'schedule', 'run', '--once']
  const environment = Object.entries(variables).map(([name, value]) => `${name}=${quoted(value)}`)
  // cron takes an unescaped % for the end of the line.
  const command = ['cd', quoted(folder), '&&', ...environment, ...words.map(quoted)]
    .join(' ')
    .replaceAll('%', '\\%')
  const name = `dwh-schedule-${warehouse}`.replaceAll('_', '-')
  const text = `# dwh schedule of ${warehouse}: the times stand in its warehouse file, whatever the zone of cron.
* * * * * ${isRoot ? `${user} ` : ''}${command}
`
  return isRoot
    ? { text, path: join('/etc/cron.d', name), next: [] }
    : { text, path: undefined, next: ['crontab -e # and put the lines above there'] }
}

/** As a shell reads words. */
export function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}
