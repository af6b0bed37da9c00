import type { ReportFacts } from '../../facts.ts'
import { bytes, moment, number, span } from '../../words.ts'
import { columnChart, strip } from '../charts.ts'
import { html, type Markup } from '../markup.ts'

const kinds: Record<string, string> = {
  ran: 'good',
  late: 'warn',
  failed: 'bad',
  missed: 'bad',
  died: 'bad',
  skipped: 'off',
  running: 'now',
  queued: 'now',
  due: 'now',
}

export function scheduleSection({ jobs }: ReportFacts): Markup | null {
  if (jobs.length === 0) return null
  const rows = jobs.map(({ job, slots }) => {
    const counts = [...Map.groupBy(slots, ({ state }) => state)].map(
      ([state, all]) => `${all.length} ${state}`,
    )
    const cells = slots.map(({ due_at, state, reason }) => ({
      kind: kinds[state] ?? 'off',
      title: `${moment(due_at)} ${state}${reason ? `: ${reason}` : ''}`,
    }))
    return html`<h3>${job} <small>${counts.join(', ')}</small></h3>${strip(cells)}`
  })
  return html`<section><h2>Schedule</h2><p>One mark a due time, the newest at the right: <span class="mark good">ran</span>, <span class="mark warn">late</span>, <span class="mark bad">failed or missed</span>, <span class="mark off">skipped</span>.</p>${rows}</section>`
}

export function runsSection({ runs, failed, slow }: ReportFacts): Markup | null {
  if (runs.length === 0) return null
  const failures =
    failed.length === 0
      ? html`<p>No run ended badly.</p>`
      : html`<h3>Ended badly</h3><div class="scroll"><table><thead><tr><th class="n">run<th>command<th class="wide">when<th>why</tr></thead><tbody>${failed.map(
          (
            run,
          ) => html`<tr><td class="n">${run.run}</td><td><code>${run.command}</code></td><td class="w wide">${moment(run.started_at)}</td>
<td><span class="pill bad">${run.error_code ?? run.state}</span> <small>${run.error?.slice(0, 160)}</small></td></tr>`,
        )}</tbody></table></div>`
  const steps =
    slow.length === 0
      ? null
      : html`<h3>Slowest steps</h3><div class="scroll"><table><thead><tr><th class="n">run<th>command<th>step<th class="n">took</tr></thead><tbody>${slow.map(
          ({ run, command, step, seconds }) =>
            html`<tr><td class="n">${run}</td><td>${command}</td><td>${step}</td><td class="n">${span(seconds)}</td></tr>`,
        )}</tbody></table></div>`
  return html`<section><h2>Runs</h2>${columnChart(runs)}${failures}${steps}</section>`
}

export function maintenanceSection({ tasks }: ReportFacts): Markup {
  if (tasks.length === 0)
    return html`<section><h2>Maintenance</h2><p>None in this time: <code>dwh maintain weekly</code>.</p></section>`
  const freed = tasks.reduce((sum, one) => sum + one.freed, 0)
  return html`<section><h2>Maintenance</h2><p>${freed > 0 ? `${bytes(freed)} were given back to the disk.` : 'Nothing was given back to the disk.'}</p>
<div class="scroll"><table><thead><tr><th>task<th class="n">done<th class="n wide">nothing to do<th class="n wide">not begun<th class="n">failed<th class="n wide">took<th class="n">freed</tr></thead><tbody>${tasks.map(
    (
      one,
    ) => html`<tr><td>${one.name}</td><td class="n">${number(one.done)}</td><td class="n wide">${number(one.nothing)}</td><td class="n wide">${number(one.skipped)}</td>
<td class="n">${one.failed > 0 ? html`<span class="pill bad">${one.failed}</span>` : '0'}</td><td class="n wide">${span(one.seconds)}</td><td class="n">${one.freed > 0 ? bytes(one.freed) : ''}</td></tr>`,
  )}</tbody></table></div></section>`
}
