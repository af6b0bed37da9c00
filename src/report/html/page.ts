import { packageVersion } from '../../package.ts'
import type { ReportFacts } from '../facts.ts'
import { lastDay } from '../period.ts'
import { type Tile, tiles } from '../tiles.ts'
import { date, moment } from '../words.ts'
import { html, type Markup, Markup as Raw } from './markup.ts'
import { datasetsSection, growthSection, leavesSection } from './sections/data.ts'
import { healthSection } from './sections/health.ts'
import { maintenanceSection, runsSection, scheduleSection } from './sections/work.ts'
import { style } from './style.ts'

/** A report as one page that fetches nothing: it can be mailed, kept and printed. */
export function renderPage(facts: ReportFacts): string {
  const { warehouse, description, database, from, taken_at, server } = facts
  const last = date(lastDay(facts))
  const sections = [
    alertsSection(facts),
    growthSection(facts),
    datasetsSection(facts),
    scheduleSection(facts),
    runsSection(facts),
    maintenanceSection(facts),
    healthSection(facts),
    leavesSection(facts),
  ]
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>${warehouse}: report ${date(from)} to ${last}</title>
<link rel="icon" href="data:,">
<style>${new Raw(style)}</style>
</head>
<body>
<main>
<header><h1>${description ?? warehouse}</h1><p>${date(from)} to ${last}</p></header>
<div class="tiles">${tiles(facts).map(tile)}</div>
${sections}
<footer>Database ${database}, PostgreSQL ${server.version}, taken ${moment(taken_at)} UTC by dwh ${packageVersion}. Rows are estimates of the server.</footer>
</main>
</body>
</html>
`.text
}

function tile({ title, value, note, state }: Tile): Markup {
  return html`<div class="tile ${state}"><span>${title}</span><b>${value}</b><span>${note}</span></div>`
}

function alertsSection({ alerts }: ReportFacts): Markup | null {
  if (alerts.length === 0) return null
  return html`<section><h2>The matter right now</h2><ul class="alerts">${alerts.map(
    ({ condition, message, opened_at }) =>
      html`<li><span class="pill bad">${condition}</span> ${message} <small>since ${moment(opened_at)}</small></li>`,
  )}</ul></section>`
}
