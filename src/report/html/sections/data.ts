import { bloatText } from '../../bloat.ts'
import { bytesOf, type DatasetFacts, type ReportFacts } from '../../facts.ts'
import { bytes, change, date, moment, number, percent, plural } from '../../words.ts'
import { areaChart, bar, type Series, share } from '../charts.ts'
import { html, type Markup } from '../markup.ts'

/** More areas than that nobody tells apart. */
const mostAreas = 7

export function growthSection({ datasets, days, disk }: ReportFacts): Markup {
  const measured = datasets.filter(({ growth }) => growth.series.length > 0)
  const sorted = measured.toSorted((a, b) => b.bytes - a.bytes)
  const valuesOf = (all: DatasetFacts[]) =>
    days.map((day) => {
      const known = all.flatMap(({ growth }) => growth.series.find((one) => one.day === day)?.bytes ?? [])
      return known.length > 0 ? known.reduce((sum, one) => sum + one, 0) : null
    })
  const rest = sorted.slice(mostAreas)
  const series: Series[] = sorted
    .slice(0, mostAreas)
    .map((one) => ({ name: one.dataset, values: valuesOf([one]) }))
  if (rest.length > 0) series.push({ name: plural(rest.length, 'other'), values: valuesOf(rest) })
  const chart =
    days.length < 2
      ? html`<p>Sizes are written down once a day by <code>dwh maintain</code>: two days make a curve.</p>`
      : areaChart(days, series)
  const fastest = datasets
    .filter(({ growth }) => (growth.bytes_per_day ?? 0) > 0)
    .toSorted((a, b) => (b.growth.bytes_per_day ?? 0) - (a.growth.bytes_per_day ?? 0))[0]
  const words = fastest
    ? html`<p>${fastest.dataset} grows fastest, by ${bytes(fastest.growth.bytes_per_day ?? 0)} a day.${disk?.days_left ? ` The disk has room for ${plural(disk.days_left, 'more day')} of all.` : ''}</p>`
    : null
  return html`<section><h2>Growth</h2>${words}${chart}</section>`
}

export function datasetsSection({ datasets }: ReportFacts): Markup {
  const most = Math.max(1, ...datasets.map((one) => one.bytes))
  const rows = datasets
    .toSorted((a, b) => b.bytes - a.bytes)
    .map(
      (
        one,
      ) => html`<tr><td><b>${one.dataset}</b><br><small>${one.table}${one.leaves.length > 1 ? `, ${one.leaves.length} leaves` : ''}</small></td>
<td class="n">${one.kind === 'missing' ? 'missing' : number(one.rows)}</td>
<td class="n">${bytes(one.bytes)}${bar(one.bytes / most)}</td>
<td class="n wide">${one.growth.bytes === null ? '' : change(one.growth.bytes)}</td>
<td class="n wide">${one.dead_share > 0 ? percent(one.dead_share) : ''}</td>
<td class="n wide">${bloatText(one.free_bytes, total([one], 'heap_bytes'))}</td>
<td class="w wide">${one.freshness?.slice(0, 16)}</td>
<td class="n">${one.runway_days === null ? '' : runway(one.runway_days)}</td>
<td class="wide">${one.last_run ? html`${one.last_run.command}<br><small>${moment(one.last_run.started_at)}, ${one.last_run.state}</small>` : ''}</td></tr>`,
    )
  const parts = [
    { name: 'rows', kind: 'c0', value: total(datasets, 'heap_bytes') },
    { name: 'indexes', kind: 'c3', value: total(datasets, 'index_bytes') },
    { name: 'long values (TOAST)', kind: 'c1', value: total(datasets, 'toast_bytes') },
  ]
  return html`<section><h2>Datasets</h2>
${share(parts)}<div class="legend">${parts.map(({ name, kind, value }) => html`<span><i class="${kind}"></i>${name} ${bytes(value)}</span>`)}</div>
<div class="scroll"><table><thead><tr><th>dataset<th class="n">rows<th class="n">size<th class="n wide">in this time<th class="n wide">dead rows<th class="n wide">bloat<th class="wide">freshest<th class="n">reaches<th class="wide">last run</tr></thead>
<tbody>${rows}</tbody></table></div></section>`
}

function runway(days: number): Markup {
  const kind = days < 14 ? 'bad' : days < 45 ? 'warn' : ''
  return html`<span class="pill ${kind}">${plural(days, 'day')}</span>`
}

const total = (datasets: DatasetFacts[], part: 'heap_bytes' | 'index_bytes' | 'toast_bytes') =>
  datasets.reduce((sum, { leaves }) => sum + leaves.reduce((all, leaf) => all + leaf[part], 0), 0)

export function leavesSection({ datasets }: ReportFacts): Markup {
  const trees = datasets.filter(({ leaves }) => leaves.length > 1)
  if (trees.length === 0) return html``
  const table = ({ leaves }: DatasetFacts) => {
    const most = Math.max(1, ...leaves.map(bytesOf))
    return html`<div class="scroll"><table><thead><tr><th>leaf<th class="n">rows<th class="n">size<th class="n wide">dead<th class="n wide">bloat<th class="wide">compression<th class="wide">analyzed</tr></thead><tbody>${leaves.map(
      (
        leaf,
      ) => html`<tr><td><code>${leaf.leaf}</code></td><td class="n">${leaf.rows === null ? '' : number(leaf.rows)}</td>
<td class="n">${bytes(bytesOf(leaf))}${bar(bytesOf(leaf) / most)}</td><td class="n wide">${leaf.dead_share > 0 ? percent(leaf.dead_share) : ''}</td>
<td class="n wide">${bloatText(leaf.free_bytes, leaf.heap_bytes)}</td>
<td class="wide">${leaf.compression}</td><td class="w wide">${leaf.analyzed_at ? date(leaf.analyzed_at) : 'never'}</td></tr>`,
    )}</tbody></table></div>`
  }
  return html`<section><h2>Leaves</h2>${trees.map(
    (one) =>
      html`<details><summary>${one.dataset}: ${plural(one.leaves.length, 'leaf', 'leaves')}, ${bytes(one.bytes)}</summary>${table(one)}</details>`,
  )}</section>`
}
