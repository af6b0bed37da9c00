import { bytes, plural } from '../words.ts'
import { html, type Markup } from './markup.ts'

/** Shapes are drawn in a box of 1000 × 100 that is stretched to its place; words stand beside it as text, readable at any width. */
const width = 1000
const height = 100

export interface Series {
  name: string
  /** One value a day, null where nothing is known. */
  values: (number | null)[]
}

/** What each of some things took, day by day, one upon the other. */
export function areaChart(days: string[], series: Series[]): Markup {
  const totals = days.map((_, day) => series.reduce((sum, { values }) => sum + (values[day] ?? 0), 0))
  const top = niceTop(Math.max(1, ...totals))
  const x = (day: number) => (days.length < 2 ? 0 : (day / (days.length - 1)) * width)
  const y = (value: number) => height - (value / top) * height
  const base = days.map(() => 0)
  const areas = series.map(({ name, values }, index) => {
    const lower = [...base]
    for (const day of base.keys()) base[day] = (base[day] ?? 0) + (values[day] ?? 0)
    const up = base.map((value, day) => `${round(x(day))},${round(y(value))}`)
    const down = lower.map((value, day) => `${round(x(day))},${round(y(value))}`).reverse()
    return html`<polygon class="fill c${index % 8}" points="${[...up, ...down].join(' ')}"><title>${name}</title></polygon>`
  })
  const marks = [1, 0.75, 0.5, 0.25].map((share) => ({ at: y(top * share), text: bytes(top * share) }))
  return html`<figure class="chart">
<div class="plot"><div class="axis">${marks.map(({ text }) => html`<span>${text}</span>`)}<span>0</span></div>
<svg viewBox="0 0 ${width} ${height}" preserveAspectRatio="none" role="img" aria-label="bytes by day">
${marks.map(({ at }) => html`<line class="grid" x1="0" x2="${width}" y1="${round(at)}" y2="${round(at)}"/>`)}
${areas}</svg></div>
<div class="days"><span>${days[0]}</span><span>${days.at(-1)}</span></div>
${legend(series.map(({ name }) => name))}</figure>`
}

export interface Column {
  day: string
  good: number
  partly: number
  bad: number
}

/** How the runs of each day ended. */
export function columnChart(columns: Column[]): Markup {
  const top = Math.max(1, ...columns.map(({ good, partly, bad }) => good + partly + bad))
  const step = width / Math.max(1, columns.length)
  const bars = columns.map(({ day, good, partly, bad }, index) => {
    let bottom = height
    const bar = (value: number, kind: string) => {
      const tall = (value / top) * height
      bottom -= tall
      return value === 0
        ? ''
        : html`<rect class="${kind}" x="${round(index * step + step * 0.12)}" y="${round(bottom)}" width="${round(step * 0.76)}" height="${round(tall)}"/>`
    }
    return html`<g><title>${day}: ${good} well, ${partly} partly, ${bad} badly</title>${[bar(good, 'good'), bar(partly, 'warn'), bar(bad, 'bad')]}</g>`
  })
  return html`<figure class="chart low">
<div class="plot"><div class="axis"><span>${plural(top, 'run')}</span><span>0</span></div>
<svg viewBox="0 0 ${width} ${height}" preserveAspectRatio="none" role="img" aria-label="runs by day">${bars}</svg></div>
<div class="days"><span>${columns[0]?.day}</span><span>${columns.at(-1)?.day}</span></div></figure>`
}

/** A bar whose length is a share, beside text of the table that it stands in. */
export function bar(share: number, kind = 'c0'): Markup {
  const long = round(Math.max(0, Math.min(1, share)) * 100)
  return html`<svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true"><rect class="rail" width="100" height="8"/><rect class="fill ${kind}" width="${long}" height="8"/></svg>`
}

/** Cells that a strip has room for at the least. */
const fewest = 40

export interface Cell {
  kind: string
  title: string
}

/** A strip of cells, one a slot, in the order in which they were due. */
export function strip(cells: Cell[]): Markup {
  const step = 10
  // A few are no wider than many are.
  const room = Math.max(fewest, cells.length)
  const start = room - cells.length
  return html`<svg class="strip" viewBox="0 0 ${room * step} 20" preserveAspectRatio="none" role="img" aria-label="slots">
${cells.map(({ kind, title }, index) => html`<rect class="${kind}" x="${(start + index) * step + 1}" y="0" width="${step - 2}" height="20"><title>${title}</title></rect>`)}</svg>`
}

/** What is taken of a whole, by parts. */
export function share(parts: { name: string; value: number; kind: string }[]): Markup {
  const total = parts.reduce((sum, { value }) => sum + value, 0) || 1
  let left = 0
  return html`<svg class="share" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">${parts.map(
    ({ name, value, kind }) => {
      const long = (value / total) * 100
      const rect = html`<rect class="fill ${kind}" x="${round(left)}" width="${round(long)}" height="10"><title>${name}</title></rect>`
      left += long
      return rect
    },
  )}</svg>`
}

function legend(names: string[]): Markup {
  return html`<figcaption class="legend">${names.map((name, index) => html`<span><i class="c${index % 8}"></i>${name}</span>`)}</figcaption>`
}

/** Above the value, and such that its quarters are round: what the axis can be cut at. */
function niceTop(value: number): number {
  const unit = 1024 ** Math.floor(Math.log2(value) / 10)
  const scaled = value / unit
  const steps = [1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024]
  return (steps.find((step) => step >= scaled) ?? 1024) * unit
}

const round = (value: number) => Math.round(value * 100) / 100
