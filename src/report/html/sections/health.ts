import type { Answer } from '../../../doctor/answer.ts'
import type { ReportFacts } from '../../facts.ts'
import { bytes, percent, plural, short, span } from '../../words.ts'
import { html, type Markup } from '../markup.ts'

const marks = { yes: ['good', '✓'], no: ['bad', '✗'], warning: ['warn', '!'], unknown: ['off', '?'] } as const

/** What `dwh doctor` answers: what is to be mended in full, the rest on demand. */
export function healthSection({ answers, server, backups }: ReportFacts): Markup {
  const open = answers.filter(({ answer }) => answer === 'no' || answer === 'warning')
  const rest = answers.filter((one) => !open.includes(one))
  const figures: [string, string][] = [
    ['cache hits', server.cache_hit === null ? '–' : percent(server.cache_hit)],
    [
      'oldest transaction id',
      `${short(server.oldest_transaction)} old, frozen at ${short(server.freeze_age)}`,
    ],
    ['deadlocks', String(server.deadlocks)],
    ['spilt to disk', bytes(server.temp_bytes)],
    ['database', bytes(server.bytes)],
    ['server up', span(server.uptime)],
    ...(backups
      ? ([['backups', `${plural(backups.count, 'backup')}, ${bytes(backups.bytes)}`]] as [string, string][])
      : []),
  ]
  return html`<section><h2>Health</h2>
<div class="scroll"><table><tbody>${open.map(row)}</tbody></table></div>
${open.length === 0 ? html`<p>Every question that could be answered was answered with yes.</p>` : ''}
<details><summary>${plural(rest.length, 'more question')}</summary><div class="scroll"><table><tbody>${rest.map(row)}</tbody></table></div></details>
<h3>Figures of the server, since its statistics began</h3>
<div class="legend">${figures.map(([name, value]) => html`<span>${name} <b>${value}</b></span>`)}</div></section>`
}

function row({ answer, question, finding, mend }: Answer): Markup {
  const [kind, mark] = marks[answer]
  return html`<tr><td class="mark ${kind}">${mark}</td><td>${question} <small>${finding}</small>${mend ? html`<pre><code>${mend.text}</code></pre>` : ''}</td></tr>`
}
