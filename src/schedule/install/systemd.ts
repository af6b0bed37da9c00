import { join } from 'node:path'
import type { Installation, InstallPlace } from './place.ts'

/** Seconds that what works may go on for after `systemctl stop`, before it is handed over. */
const grace = 60

/** A service that is started anew whenever it ends. */
export function systemdUnit({
  warehouse,
  program,
  variables,
  folder,
  isRoot,
  home,
}: InstallPlace): Installation {
  const unit = `dwh-schedule-${warehouse}.service`
  const words = [...program, 'schedule', 'run', '--grace', `${grace} s`]
  const text = `[Unit]
Description=dwh schedule of ${warehouse}
Documentation=man:systemd.service(5)
After=network-online.target postgresql.service
Wants=network-online.target
StartLimitIntervalSec=0

[Service]
WorkingDirectory=${escapeSpecifiers(folder)}
${Object.entries(variables)
  .map(([name, value]) => `Environment=${quoted(`${name}=${value}`)}\n`)
  .join('')}ExecStart=${words.map(quoted).join(' ')}
# The daemon ends its commands itself: first with a word, then with force.
KillMode=mixed
TimeoutStopSec=${grace + 60}
Restart=always
RestartSec=5
NoNewPrivileges=true

[Install]
WantedBy=${isRoot ? 'multi-user.target' : 'default.target'}
`
  const path = isRoot ? join('/etc/systemd/system', unit) : join(home, '.config', 'systemd', 'user', unit)
  const systemctl = isRoot ? 'systemctl' : 'systemctl --user'
  return {
    ...{ text, path },
    next: [
      `${systemctl} daemon-reload`,
      `${systemctl} enable --now ${unit}`,
      ...(isRoot ? [] : ['loginctl enable-linger # or it ends when you log out']),
    ],
  }
}

const escapeSpecifiers = (text: string) => text.replaceAll('%', '%%')

/** As systemd reads words: in quotes, `$` and `%` doubled. */
function quoted(word: string): string {
  const text = escapeSpecifiers(word).replaceAll('$', '$$$$')
  return /^[\w@%+=:,./$-]+$/.test(text) ? text : `"${text.replace(/["\\]/g, '\\$&')}"`
}
