import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { chromium } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import type { ReportFacts } from '../../src/report/facts.ts'
import { dwh, dwhDone } from '../support/cli.ts'
import { databaseTemplate, freshDatabase } from '../support/database.ts'
import { server } from '../support/servers.ts'
import { testWarehouse } from '../support/warehouse.ts'
import { history, reported } from './scene.ts'

/** Debian's, or another that is named. */
const browser = process.env.DWH_TEST_CHROMIUM ?? '/usr/bin/chromium'
/** To be looked at by people: a folder for pictures of what was tested. */
const pictures = process.env.DWH_TEST_PICTURES

describe('dwh report', () => {
  const template = databaseTemplate(server, history)

  test('says in figures what the catalogue and the ledger say, and changes nothing', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    using warehouse = testWarehouse(reported)
    const runs = 'SELECT count(*) AS runs FROM dwh.runs'
    const before = await session.one(runs)
    const { stdout } = await dwhDone(['report', '--json'], warehouse.at(database.target))
    expect(await session.one(runs)).toEqual(before)
    const facts = JSON.parse(stdout) as ReportFacts
    expect(facts).toMatchObject({
      ...{ warehouse: 'test', database: database.name },
      disk: { total: expect.any(Number), days_left: expect.any(Number) },
      datasets: [
        {
          ...{ dataset: 'orders', kind: 'partitioned', rows: 40_000, leaves: { length: 13 } },
          // 30 days and what is left of the first, at 11 MB a day; the day that was not measured breaks nothing.
          growth: { bytes_per_day: 11_000_000, series: expect.any(Array) },
          runway_days: expect.any(Number),
          last_run: { command: 'maintain' },
          freshness: expect.stringMatching(/^\d{4}-/),
        },
        {
          dataset: 'clients',
          kind: 'plain',
          rows: 2000,
          runway_days: null,
          free_bytes: expect.any(Number),
          growth: { bytes_per_day: 1_500_000 },
        },
        { dataset: 'absent', kind: 'missing', leaves: [], freshness: null, growth: { bytes: null } },
      ],
      jobs: [{ job: 'daily' }, { job: 'weekly' }],
      tasks: [{ name: 'partitions' }, { name: 'reindex' }, { name: 'rewrite' }, { name: 'vacuum' }],
      alerts: [{ condition: 'runway', subject: 'orders' }],
    })
    expect(facts.failed.map(({ error_code }) => error_code)).toContain('SOURCE_FAILED')
    expect(facts.slow[0]?.seconds).toBeGreaterThan(900)
    expect(facts.answers.find(({ id }) => id === 'duplicate_indexes')).toMatchObject({ answer: 'no' })
    expect(facts.answers.map(({ id }) => id)).not.toContain('duplicate_keys')
    const states = facts.jobs[0]?.slots.map(({ state }) => state) ?? []
    expect(new Set(states)).toEqual(new Set(['ran', 'late', 'failed', 'missed', 'skipped']))

    // A month in which nothing was: no division by it.
    const { stdout: page } = await dwhDone(['report', '--month', '2020-02'], warehouse.at(database.target))
    expect(page).toMatch(/^# Sales of <Müller & Söhne>: 2020-02-01 to 2020-02-29\n/)
    expect(page).not.toMatch(/NaN|undefined|Infinity|null/)
    expect(await dwh(['report', '--month', '2020-13'], warehouse.at(database.target))).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/expected a month like 2026-11/),
    })
  })

  test('is a page that fetches nothing, complains about nothing, and fits a screen and a telephone', async (context) => {
    if (!existsSync(browser)) return context.skip('there is no Chromium')
    await using database = await freshDatabase(server, { template: template.name })
    using warehouse = testWarehouse(reported)
    const file = join(warehouse.folder, 'report.html')
    await dwhDone(['report', '--out', 'report.html'], warehouse.at(database.target))
    expect(existsSync(`${file}.new`)).toBe(false)
    const text = readFileSync(file, 'utf8')
    expect(text).not.toMatch(/<script|NaN|undefined|Infinity|\bnull\b|(?:src|href)="(?!data:,)/)
    expect(text).toContain('<h1>Sales of &lt;Müller &amp; Söhne&gt;</h1>')

    const chrome = await chromium.launch({ executablePath: browser, args: ['--no-sandbox', '--disable-gpu'] })
    try {
      for (const [width, scheme] of [
        [1280, 'light'],
        [390, 'light'],
        [1280, 'dark'],
      ] as const) {
        const page = await chrome.newPage({ viewport: { width, height: 900 }, colorScheme: scheme })
        const complaints: string[] = []
        page.on('console', (message) => complaints.push(message.text()))
        page.on('pageerror', (error) => complaints.push(error.message))
        page.on('request', (request) => {
          if (!/^(file|data):/.test(request.url())) complaints.push(request.url())
        })
        await page.goto(`file://${file}`)
        const found = await page.evaluate(`(() => {
          document.querySelectorAll('details').forEach((one) => { one.open = true })
          const wide = [...document.querySelectorAll('main *')]
            .filter((one) => !one.closest('.scroll') && one.getBoundingClientRect().right > innerWidth + 0.5)
          return {
            overflow: document.documentElement.scrollWidth - innerWidth,
            wide: wide.map((one) => one.outerHTML.slice(0, 80)),
            charts: [...document.querySelectorAll('svg')].filter((one) => one.getBoundingClientRect().width < 20).length,
            shapes: document.querySelectorAll('svg .fill, svg rect').length,
          }
        })()`)
        if (pictures) {
          await page.screenshot({ path: join(pictures, `report-${width}-${scheme}.png`), fullPage: true })
          await page.pdf({ path: join(pictures, 'report.pdf'), format: 'A4' })
        }
        expect({ found, complaints }).toEqual({
          found: { overflow: expect.any(Number), wide: [], charts: 0, shapes: expect.any(Number) },
          complaints: [],
        })
        expect(found).toMatchObject({ overflow: 0 })
        await page.close()
      }
    } finally {
      await chrome.close()
    }
  })
})
