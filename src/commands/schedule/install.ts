import { existsSync } from 'node:fs'
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { homedir, userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import { command, flag, shared } from '../../cli/command.ts'
import type { Context } from '../../cli/context.ts'
import { namedJobs } from '../../cli/jobs.ts'
import { DwhError } from '../../errors.ts'
import { packageRoot } from '../../package.ts'
import { cronTable } from '../../schedule/install/cron.ts'
import { pgCronSql } from '../../schedule/install/pg-cron.ts'
import type { InstallPlace } from '../../schedule/install/place.ts'
import { systemdUnit } from '../../schedule/install/systemd.ts'
import { windowsTask } from '../../schedule/install/windows.ts'

const ways = { systemd: systemdUnit, cron: cronTable, windowsTask, pgCron: pgCronSql }

export const scheduleInstall = command({
  name: 'install',
  summary: 'print what starts the schedule with the machine, or write it where it belongs',
  description:
    'A systemd service and a Windows task keep `schedule run` alive; cron and pg_cron look once a minute. Where the database is stands ' +
    'there as it is now, but for the password: that comes from .env, .pgpass or a service file. Several at a time do no harm.',
  options: {
    systemd: flag('--systemd', 'a service'),
    cron: flag('--cron', 'a line of a crontab'),
    windowsTask: flag('--windows-task', 'a task for schtasks'),
    pgCron: flag('--pg-cron', 'SQL for the extension'),
    write: flag('--write', 'write it where it belongs instead of printing it'),
    json: shared.json,
  },
  examples: ['dwh -w sigeti schedule install --systemd', 'dwh schedule install --cron --write'],
  async run(context, { write, json, ...chosen }) {
    const names = (Object.keys(ways) as (keyof typeof ways)[]).filter((name) => chosen[name])
    const [way] = names
    if (!way || names.length > 1)
      throw new DwhError('USAGE', 'name one of --systemd, --cron, --windows-task and --pg-cron')
    namedJobs(context, [])
    const { text, path, next } = ways[way](placeOf(context))
    if (write) {
      if (path === undefined)
        throw new DwhError('USAGE', 'there is no file that this belongs into; nothing was written', {
          hint: ['type it without --write', ...next].join(', then: '),
        })
      await writeWhole(path, text)
      context.say(`${path} written`)
    }
    if (json) context.printJson({ path: path ?? null, written: write, text, next })
    else if (!write) context.print(text)
    if (next.length > 0) context.say(`next:\n${next.map((line) => `  ${line}`).join('\n')}`)
  },
})

/** A program that was started with a name of a warehouse that ships must find it without one. */
function placeOf(context: Context): InstallPlace {
  const { path, name } = context.warehouse()
  const { target } = context.connection()
  const { host, port, database, user } = target
  return {
    warehouse: name,
    program: [process.execPath, join(packageRoot, 'bin', 'dwh.js'), '-w', path],
    variables: {
      ...{ PGHOST: host, PGPORT: String(port), PGDATABASE: database, PGUSER: user },
      ...(process.env.DWH_STATE_DIR ? { DWH_STATE_DIR: process.env.DWH_STATE_DIR } : {}),
    },
    folder: existsSync(join(process.cwd(), '.env')) ? process.cwd() : dirname(path),
    isRoot: process.getuid?.() === 0,
    home: homedir(),
    user: userInfo().username,
  }
}

async function writeWhole(path: string, text: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true })
    await writeFile(`${path}.new`, text, { mode: 0o644 })
    await rename(`${path}.new`, path)
  } catch (cause) {
    throw new DwhError('FAILED', `${path} cannot be written: ${(cause as Error).message}`, { cause })
  }
}
