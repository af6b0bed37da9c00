import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { cronTable } from '../../src/schedule/install/cron.ts'
import { pgCronSql } from '../../src/schedule/install/pg-cron.ts'
import type { InstallPlace } from '../../src/schedule/install/place.ts'
import { systemdUnit } from '../../src/schedule/install/systemd.ts'
import { windowsTask } from '../../src/schedule/install/windows.ts'
import { dwh } from '../support/cli.ts'
import { freshDatabase } from '../support/database.ts'
import { server } from '../support/servers.ts'
import { testWarehouse } from '../support/warehouse.ts'

const place = (folder: string): InstallPlace => ({
  warehouse: 'odd',
  program: [process.execPath, '/opt/dwh/bin/dwh.js', '-w', `${folder}/it's 100% "odd" $HOME/dwh.yaml`],
  variables: { PGHOST: '/run/my sockets', PGDATABASE: "o'dd" },
  ...{ folder, isRoot: true, home: '/home/eve', user: 'eve' },
})

const jobs = { schedule: { jobs: { nightly: { cron: '0 2 * * *', run: ['status'] } } } }

test('a systemd service that systemd itself takes, whatever stands in the names', () => {
  using warehouse = testWarehouse(jobs)
  const { text, path, next } = systemdUnit(place(warehouse.folder))
  expect(path).toBe('/etc/systemd/system/dwh-schedule-odd.service')
  expect(next).toContain('systemctl enable --now dwh-schedule-odd.service')
  expect(text).toMatch(/^Environment="PGHOST=\/run\/my sockets"$/m)
  expect(text).toContain(`/it's 100%% \\"odd\\" $$HOME/dwh.yaml" schedule run --grace "60 s"\n`)
  const file = join(warehouse.folder, 'dwh-schedule-odd.service')
  spawnSync('sh', ['-c', 'cat > "$0"', file], { input: text })
  const verified = spawnSync('systemd-analyze', ['verify', file], { encoding: 'utf8' })
  // Where systemd is not installed nobody can say.
  if (verified.error) expect(verified.error).toMatchObject({ code: 'ENOENT' })
  else expect(verified.stderr.split('\n').filter((line) => line.includes('dwh-schedule-odd'))).toEqual([])
  expect(systemdUnit({ ...place(warehouse.folder), isRoot: false })).toMatchObject({
    path: '/home/eve/.config/systemd/user/dwh-schedule-odd.service',
  })
})

test('a line of cron that a shell reads as it was meant', () => {
  using warehouse = testWarehouse(jobs)
  const odd = place(warehouse.folder)
  const { text, path } = cronTable({ ...odd, program: ['printf', '%s\\n', ...odd.program.slice(2)] })
  expect(path).toBe('/etc/cron.d/dwh-schedule-odd')
  const line = text.split('\n')[1] ?? ''
  expect(line).toMatch(/^\* \* \* \* \* eve cd /)
  expect(line.replaceAll('\\%', '')).not.toContain('%')
  const shell = line.replace(/^(\S+ ){6}/, '').replaceAll('\\%', '%')
  expect(spawnSync('sh', ['-c', shell], { encoding: 'utf8' }).stdout.split('\n')).toEqual([
    ...['-w', `${warehouse.folder}/it's 100% "odd" $HOME/dwh.yaml`, 'schedule', 'run', '--once', ''],
  ])
  expect(cronTable({ ...odd, isRoot: false })).toMatchObject({ path: undefined })
})

/** Throws where tags are not closed in the order in which they were opened, or a sign stands for itself that must not. */
function outline(xml: string): string[] {
  const open: string[] = []
  const paths: string[] = []
  const body = xml.replace(/^<\?xml version="1\.0" encoding="UTF-8"\?>\n/, '')
  expect(body.replace(/<\/?\w+(?: \w+="[^"<&]*")*>/g, '').replace(/&(?:amp|lt|gt|quot);/g, '')).not.toMatch(
    /[<>&]/,
  )
  for (const [, slash, name = ''] of body.matchAll(/<(\/?)(\w+)[^>]*>/g)) {
    if (slash) expect(open.pop()).toBe(name)
    else {
      open.push(name)
      paths.push(open.join('/'))
    }
  }
  expect(open).toEqual([])
  return paths
}

test('a task of Windows in XML', () => {
  const odd = place('C:/dwh & <sons>')
  const { text } = windowsTask(odd)
  expect(text).toContain('<WorkingDirectory>C:/dwh &amp; &lt;sons&gt;</WorkingDirectory>')
  expect(text).toContain(
    `&quot;C:/dwh &amp; &lt;sons&gt;/it's 100% \\&quot;odd\\&quot; $HOME/dwh.yaml&quot; schedule run</Arguments>`,
  )
  expect(outline(text)).toEqual(
    expect.arrayContaining(['Task/Triggers/BootTrigger/Enabled', 'Task/Actions/Exec/Command']),
  )
})

test('SQL of pg_cron whose job starts the program on the machine of the server, whatever stands in the names', async () => {
  await using database = await freshDatabase(server)
  await using session = await database.open()
  const folder = mkdtempSync(join(tmpdir(), 'pg cron '))
  chmodSync(folder, 0o777)
  try {
    const odd = `${folder}/it's 100% "odd" $HOME.yaml`
    const { text } = pgCronSql({
      ...place(folder),
      program: [
        'sh',
        '-c',
        'printf "%s\\n" "$PGDATABASE" "$@" > "$0.new"; mv "$0.new" "$0"',
        `${folder}/told`,
        odd,
      ],
    })
    // As the extension has it: a name, when, and the command, which it executes each time.
    await session.run(`CREATE SCHEMA cron; CREATE TABLE cron.job (name text, schedule text, command text);
      CREATE FUNCTION cron.schedule(text, text, text) RETURNS void LANGUAGE sql AS 'INSERT INTO cron.job VALUES ($1, $2, $3)'`)
    await session.run(text)
    const job = await session.one<{ name: string; schedule: string; command: string }>(
      'SELECT * FROM cron.job',
    )
    expect(job).toMatchObject({ name: 'dwh schedule odd', schedule: '* * * * *' })
    await session.run(job.command)
    while (!existsSync(join(folder, 'told'))) await sleep(20)
    expect(readFileSync(join(folder, 'told'), 'utf8').split('\n')).toEqual([
      ...["o'dd", odd, 'schedule', 'run', '--once', ''],
    ])
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('dwh schedule install prints, or writes what has a place', async () => {
  using warehouse = testWarehouse(jobs)
  const options = {
    cwd: warehouse.folder,
    env: { HOME: warehouse.folder, PGHOST: 'db.example.org', PGPASSWORD: 'sesame' },
  }
  const printed = await dwh(['schedule', 'install', '--windows-task', '--json'], options)
  expect(JSON.parse(printed.stdout)).toMatchObject({
    ...{ path: join(warehouse.folder, 'dwh-schedule-test.xml'), written: false },
    text: expect.stringMatching(/<Task version/),
  })
  expect(existsSync(join(warehouse.folder, 'dwh-schedule-test.xml'))).toBe(false)
  const written = await dwh(['schedule', 'install', '--windows-task', '--write'], options)
  expect(written).toMatchObject({
    code: 0,
    stderr: expect.stringMatching(/dwh-schedule-test\.xml written\nnext:\n {2}schtasks/),
  })
  expect(readFileSync(join(warehouse.folder, 'dwh-schedule-test.xml'), 'utf8')).toBe(
    JSON.parse(printed.stdout).text,
  )
  const sql = await dwh(['schedule', 'install', '--pg-cron', '--write'], options)
  expect(sql).toMatchObject({ code: 2, stderr: expect.stringMatching(/no file that this belongs into/) })
  expect(await dwh(['schedule', 'install', '--cron'], options)).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/PGHOST=db\.example\.org .* schedule run --once\n$/),
  })
  expect(printed.stdout + sql.stderr).not.toContain('sesame')
})
