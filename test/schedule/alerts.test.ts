import { once } from 'node:events'
import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { SMTPServer } from 'smtp-server'
import { expect, test } from 'vitest'
import { examine } from '../../src/doctor/examine.ts'
import { listAlerts } from '../../src/ledger/alerts.ts'
import { seeJobs } from '../../src/ledger/jobs.ts'
import { startRun } from '../../src/ledger/runs.ts'
import { ensureLedger } from '../../src/migrate/apply.ts'
import { alertPass } from '../../src/schedule/alerts/pass.ts'
import { jobsOf } from '../../src/schedule/jobs.ts'
import { loadWarehouse } from '../../src/warehouse/load.ts'
import { dwh } from '../support/cli.ts'
import { freshDatabase } from '../support/database.ts'
import { server } from '../support/servers.ts'
import { testWarehouse } from '../support/warehouse.ts'
import { quietWork } from '../support/work.ts'

/** A web service that answers with these statuses one after the other, and then with 200. */
async function webService(...statuses: number[]) {
  const bodies: Record<string, string>[] = []
  const service = createServer(async (request, response) => {
    bodies.push(JSON.parse(await text(request)))
    response.writeHead(statuses.shift() ?? 200).end()
  }).listen(0, '127.0.0.1')
  await once(service, 'listening')
  const url = `http://127.0.0.1:${(service.address() as AddressInfo).port}/hook/secret`
  return { bodies, url, statuses, [Symbol.dispose]: () => void service.close() }
}

/** A mail server that keeps what it gets. */
async function mailServer() {
  const mails: string[] = []
  const service = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    async onData(stream, _session, done) {
      mails.push(await text(stream))
      done()
    },
  })
  await new Promise<void>((ready) => service.listen(0, '127.0.0.1', ready))
  const { port } = service.server.address() as AddressInfo
  const close = () => new Promise<void>((closed) => service.close(closed))
  return { mails, port, close, [Symbol.asyncDispose]: close }
}

const listen = `import { appendFileSync } from 'node:fs'
let text = ''
for await (const part of process.stdin) text += part
appendFileSync(process.argv[2], process.env.DWH_ALERT + '\\n' + text)
`

test('people are told once when a job fails, once when it goes well again, and by every channel that lives', async () => {
  using web = await webService(503)
  await using mail = await mailServer()
  using place = testWarehouse(
    {
      schedule: { jobs: { nightly: { cron: '0 2 * * *', run: ['status'] } } },
      alerts: {
        on: ['failure', 'missed', 'runway', 'drill', 'disk'],
        webhook: { url_env: 'HOOK' },
        mail: {
          smtp: `smtp://127.0.0.1:${mail.port}`,
          from: 'dwh@example.org',
          to: ['eve@example.org', 'bob@example.org'],
        },
        command: [process.execPath, 'listen.mjs', 'heard.txt'],
        disk: '0%',
      },
    },
    { 'listen.mjs': listen },
  )
  process.env.HOOK = web.url
  const warehouse = loadWarehouse(join(place.folder, 'dwh.yaml'))
  const heard = join(place.folder, 'heard.txt')
  warehouse.alerts.command = [process.execPath, join(place.folder, 'listen.mjs'), heard]
  await using database = await freshDatabase(server)
  await using session = await database.open()
  await ensureLedger(session, quietWork())
  await seeJobs(session, 'test', jobsOf(warehouse))
  const run = await startRun(session, 'schedule run', [], 'test', [])
  const work = quietWork()
  const pass = () => alertPass({ target: database.target, warehouse, run, work })
  const slot = (due: string, outcome: string, exit: number | null, reason: string | null) =>
    session.run(
      `INSERT INTO dwh.slots (warehouse, job, due_at, started_at, ended_at, outcome, exit_code, reason)
       VALUES ('test', 'nightly', $1::timestamptz, $1, $1, $2, $3, $4)`,
      [due, outcome, exit, reason],
    )

  await pass()
  expect(web.bodies).toEqual([])
  await slot('2026-03-01 02:00Z', 'ran', 1, 'DISK_FULL no room')
  // Five at the same time, and once more: one message a channel.
  await Promise.all([pass(), pass(), pass(), pass(), pass()])
  await pass()
  const opened = {
    ...{
      warehouse: 'test',
      state: 'open',
      condition: 'failure',
      subject: 'nightly',
      hint: 'dwh schedule list',
    },
    message: 'job nightly, due 2026-03-01 02:00Z, ended with exit code 1: DISK_FULL no room',
  }
  // The first answer was 503.
  expect(web.bodies).toMatchObject([opened, opened])
  expect(mail.mails).toHaveLength(1)
  expect(mail.mails[0]).toMatch(
    /^From: dwh@example\.org\r\nTo: eve@example\.org, bob@example\.org\r\nSubject: \[test\] open failure nightly: job nightly/m,
  )
  expect(mail.mails[0]).toMatch(/ended with exit code 1: DISK_FULL no room/)
  expect(readFileSync(heard, 'utf8')).toMatch(
    /^\[test\] open failure nightly: job nightly, .*\n\{.*"state":"open".*\}\n$/,
  )

  // Another failure of the same job is the same alert; the mail server is down for the end of it.
  await slot('2026-03-02 02:00Z', 'late', 3, null)
  await pass()
  expect(web.bodies).toHaveLength(2)
  await mail.close()
  await slot('2026-03-03 02:00Z', 'ran', 0, null)
  await pass()
  await pass()
  expect(web.bodies.slice(2)).toMatchObject([
    { state: 'resolved', condition: 'failure', message: expect.stringMatching(/exit code 3/) },
  ])
  expect(work.events.filter(({ type }) => type === 'warning')).toMatchObject([
    { message: expect.stringMatching(/^alerts: mail to eve@example.org, bob@example.org: .*ECONNREFUSED/) },
  ])
  const [untold] = await listAlerts(session, 'test', ['webhook', 'mail', 'command'])
  expect(untold?.told).toMatchObject({
    webhook: { resolved_at: expect.any(String), tries: 0 },
    mail: { opened_at: expect.any(String), tries: 1, error: expect.stringMatching(/ECONNREFUSED/) },
    command: { resolved_at: expect.any(String) },
  })

  // The dead-man's check: known for long, done for the last time long ago, whatever the codes since.
  expect(
    (await examine(session, [], { warehouse: 'test' })).find(({ id }) => id === 'silence'),
  ).toMatchObject({
    answer: 'no',
    finding: expect.stringMatching(/^nightly: nothing for \d+ days$/),
    mend: { text: 'dwh schedule list' },
  })
  expect(web.bodies.slice(3)).toEqual([])
  await slot('2026-03-04 02:00Z', 'missed', null, 'nobody was there')
  await pass()
  expect(web.bodies.slice(3).map(({ condition, state }) => [condition, state])).toEqual([['missed', 'open']])
  // A job that ends with 0 every night and does nothing: all of its tasks are skipped, whatever it runs behind them …
  await session.run(
    `INSERT INTO dwh.tasks (run, warehouse, name, outcome, ended_at, reason) VALUES ($1, 'test', 'vacuum', 'skipped', now(), 'x')`,
    [run],
  )
  await session.run(`UPDATE dwh.jobs SET known_from = '2026-01-01Z'`)
  await session.run(
    `INSERT INTO dwh.slots (warehouse, job, due_at, started_at, ended_at, outcome, exit_code, runs)
     VALUES ('test', 'nightly', now(), now(), now(), 'ran', 0, ARRAY[$1::bigint])`,
    [run],
  )
  const silence = async () =>
    (await examine(session, [], { warehouse: 'test' })).find(({ id }) => id === 'silence')?.answer
  expect(await silence()).toBe('no')
  // … or it is told to do nothing, and leaves no run.
  await session.run(`UPDATE dwh.jobs SET definition = jsonb_set(definition, '{run}', $1)`, [
    JSON.stringify(['maintain weekly --dry-run', '--help']),
  ])
  await session.run(`UPDATE dwh.slots SET runs = '{}'`)
  expect(await silence()).toBe('no')
  await session.run(`UPDATE dwh.jobs SET definition = jsonb_set(definition, '{run}', '["status"]')`)
  expect(await silence()).toBe('yes')
  // One that did some of its tasks has done something, though it failed.
  await session.run('UPDATE dwh.slots SET runs = ARRAY[$1::bigint] WHERE due_at > $2', [run, '2026-06-01Z'])
  expect(await silence()).toBe('no')
  await session.run(
    `INSERT INTO dwh.tasks (run, warehouse, name, outcome, ended_at) VALUES ($1, 'test', 'freeze', 'nothing', now())`,
    [run],
  )
  await session.run('UPDATE dwh.slots SET exit_code = 5 WHERE $1 = ANY (runs)', [run])
  expect(await silence()).toBe('yes')

  // Nothing has failed yet where daemons die under a slot again and again, but people should know.
  await session.run(
    `INSERT INTO dwh.slots (warehouse, job, due_at, started_at, attempts) VALUES ('test', 'nightly', '2027-01-01', '2027-01-01', 3)`,
  )
  const before = web.bodies.length
  await pass()
  expect(web.bodies.slice(before)).toMatchObject([
    { state: 'resolved', condition: 'missed' },
    {
      ...{ state: 'open', condition: 'failure' },
      message: expect.stringMatching(/was begun 3 times, and its daemons died; it is tried again$/),
    },
  ])
})

test('leaves that end, a drill that is overdue and a disk that fills are told once, and once when they are over', async () => {
  using web = await webService()
  using place = testWarehouse({
    datasets: {
      sales: {
        target: 'public.sales',
        key: ['id', 'day'],
        partition: { key: 'day', kind: 'date', grain: 'year', from: 2020, premake: 1 },
      },
    },
    backup: { folder: 'backups', drill: { every: '7 days' } },
    alerts: {
      on: ['runway', 'drill', 'disk'],
      ...{ runway: '400 days', disk: '100%' },
      webhook: { url: web.url },
    },
  })
  await using database = await freshDatabase(server)
  await using session = await database.open()
  await session.run(`CREATE TABLE public.sales (id int, day date NOT NULL, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
    CREATE TABLE public.sales_2020 PARTITION OF public.sales FOR VALUES FROM ('2020-01-01') TO ('2021-01-01')`)
  await ensureLedger(session, quietWork())
  const warehouse = loadWarehouse(join(place.folder, 'dwh.yaml'))
  const run = await startRun(session, 'schedule run', [], 'test', [])
  const work = quietWork()
  const told = async () => {
    await alertPass({ target: database.target, warehouse, run, work })
    return web.bodies
      .splice(0)
      .map(({ state, condition, subject }) => `${state} ${condition} ${subject}`.trim())
  }
  const { folder: data } = await session.one<{ folder: string }>(
    `SELECT setting AS folder FROM pg_settings WHERE name = 'data_directory'`,
  )
  // Where there is no folder of backups they may lie on another machine.
  expect(await told()).toEqual(['open runway sales', `open disk ${data}`])
  expect(await told()).toEqual([])
  const listed = await dwh(['alert', 'list', '--json'], place.at(database.target))
  expect(JSON.parse(listed.stdout)).toMatchObject([
    { condition: 'runway', message: expect.stringMatching(/^the leaves of sales ended \d+ days ago$/) },
    { condition: 'disk', message: expect.stringMatching(/^\d+\.\d % of the disk of .* are free$/) },
  ])

  const backup = await dwh(['backup', 'create', '--yes', '--json'], place.at(database.target))
  expect(backup, backup.stderr).toMatchObject({ code: 0 })
  expect(await told()).toEqual(['open drill'])
  const name = dirname(globSync('*/manifest.json', { cwd: join(place.folder, 'backups') })[0] ?? '')
  const receipts = join(place.folder, 'backups', 'drills', name)
  mkdirSync(receipts, { recursive: true })
  const receipt = (at: Date, ok: boolean) =>
    writeFileSync(join(receipts, `${at.getTime()}.json`), JSON.stringify({ at: at.toISOString(), ok }))
  // One that found differences proves nothing, nor does one of long ago.
  receipt(new Date(), false)
  receipt(new Date(Date.now() - 8 * 86_400_000), true)
  expect(await told()).toEqual([])
  receipt(new Date(Date.now() - 6 * 86_400_000), true)
  expect(await told()).toEqual(['resolved drill'])

  // Leaves for this year and the next are enough for 30 days, and not for 400 of them late in the year.
  expect(await dwh(['partitions', 'create', '--yes'], place.at(database.target))).toMatchObject({ code: 0 })
  warehouse.alerts.disk = 0
  warehouse.alerts.runway = { amount: 30, unit: 'day' }
  expect(await told()).toEqual(['resolved runway sales', `resolved disk ${data}`])
  warehouse.alerts.disk = 1
  expect(await told()).toEqual([`open disk ${data}`])
  // A table for which no leaf can be made any more is told, and hides nothing else.
  await session.run('ALTER TABLE public.sales RENAME TO sold; CREATE VIEW public.sales AS SELECT 1 AS id')
  warehouse.alerts.disk = 0
  expect(await told()).toEqual([`resolved disk ${data}`, 'open runway sales'])
})

test('dwh alert test tries every channel, and says which did not get through', async () => {
  using web = await webService(404)
  await using mail = await mailServer()
  using place = testWarehouse({
    alerts: {
      webhook: { url: web.url },
      mail: { smtp: `smtp://127.0.0.1:${mail.port}`, from: 'dwh@example.org', to: ['eve@example.org'] },
      command: [process.execPath, '-e', 'process.exit(3)'],
    },
  })
  const { code, stdout, stderr } = await dwh(['alert', 'test'], { cwd: place.folder })
  expect({ code, stdout }).toEqual({
    code: 1,
    stdout: `✗ webhook to ${new URL(web.url).host}: 404 Not Found\n✓ mail to eve@example.org\n✗ command to ${process.execPath}: ${process.execPath} ended with 3\n`,
  })
  expect(stderr).toMatch(/error FAILED nobody heard of webhook, command/)
  expect(mail.mails[0]).toMatch(/this is a test: nothing is the matter/)
  expect(web.bodies).toMatchObject([
    { state: 'test', text: '[test] test test: this is a test: nothing is the matter' },
  ])
  expect(stdout + stderr).not.toMatch(/secret/)
  expect(existsSync(join(place.folder, 'heard.txt'))).toBe(false)
})
