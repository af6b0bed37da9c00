import { statSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { command, flag, option } from '../../cli/command.ts'
import type { Context } from '../../cli/context.ts'
import { plural } from '../../cli/format.ts'
import { namedJobs } from '../../cli/jobs.ts'
import { recorded } from '../../cli/recorded.ts'
import { DwhError, toDwhError } from '../../errors.ts'
import type { JobDefinition } from '../../ledger/jobs.ts'
import { ledgerPresence } from '../../ledger/migrations.ts'
import { packageRoot } from '../../package.ts'
import { alertPass } from '../../schedule/alerts/pass.ts'
import { isAnythingDue } from '../../schedule/claim.ts'
import { Daemon } from '../../schedule/daemon.ts'
import { jobsOf } from '../../schedule/jobs.ts'
import { loadWarehouse, type Warehouse } from '../../warehouse/load.ts'
import { span, spanSeconds } from '../../warehouse/values.ts'

export const scheduleRun = command({
  name: 'run',
  summary: 'run the jobs of the warehouse file when they are due, until it is stopped',
  description:
    'Any number of these may run for one database, on any machines: each due time is run by exactly one of them, and one whose ' +
    'daemon dies is taken over. The first Ctrl-C or SIGTERM lets what works come to its end for a while and then hands it over, ' +
    'the second leaves at once. A changed warehouse file is read anew.',
  options: {
    once: flag('--once', 'do what is due now, and end: for cron, once a minute'),
    grace: option(
      '--grace <span>',
      'how long what works may go on for after the signal to stop',
      z.string().default('30 s').pipe(span),
    ),
  },
  exits: { 5: 'with --once: a job has failed' },
  examples: ['dwh -w sigeti schedule run', 'dwh schedule run --once'],
  async run(context, { once, grace }) {
    const jobs = namedJobs(context, [])
    const warehouse = context.warehouse()
    {
      await using session = await context.open()
      if (once && (await ledgerPresence(session)).has_slots) {
        if (!(await isAnythingDue(session, { warehouse: warehouse.name, jobs, clock: null })))
          return context.say('nothing is due')
      }
    }
    await recorded(context, [], async ({ run, work }) => {
      const { target } = context.connection()
      const file = new WatchedFile(warehouse, (message) => work.emit({ type: 'warning', message }))
      const daemon = new Daemon(work, {
        ...{ warehouse: warehouse.name, run, jobs, clock: null, target, once },
        holder: `${hostname()}:${process.pid}`,
        program: programOf(context),
        grace: spanSeconds(grace),
        retention: spanSeconds(warehouse.retention.runs),
        upkeep: () => alertPass({ target, warehouse: file.warehouse, run, work }),
        changed: () => file.changed(),
      })
      context.say(`${plural(jobs.size, 'job')}: ${[...jobs.keys()].join(', ')}; run ${run}`)
      await daemon.run()
      const { ended, failed } = daemon
      if (once && failed > 0)
        throw new DwhError('PARTLY_DONE', `${failed} of ${plural(ended, 'slot')} ended with an error`, {
          hint: 'see: dwh schedule list',
        })
      return { slots: ended, failed }
    })
  },
})

/** A command of a job is typed as this one was: on the same database, with the same file. */
function programOf(context: Context): string[] {
  const { host, port, database, user } = context.globals
  const flags = Object.entries({ host, port, database, user }).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name}`, value],
  )
  return [process.execPath, join(packageRoot, 'bin', 'dwh.js'), '-w', context.warehouse().path, ...flags]
}

/** A warehouse file that may change. One that is wrong changes nothing: what is known goes on. */
class WatchedFile {
  warehouse: Warehouse
  readonly #warn: (message: string) => void
  #seen: number | undefined

  constructor(warehouse: Warehouse, warn: (message: string) => void) {
    this.warehouse = warehouse
    this.#warn = warn
    this.#seen = this.#changedAt
  }

  /** The jobs, where it has changed since it was asked last. */
  changed(): ReadonlyMap<string, JobDefinition> | undefined {
    const now = this.#changedAt
    if (now === this.#seen || now === undefined) return undefined
    this.#seen = now
    try {
      this.warehouse = loadWarehouse(this.warehouse.path)
      return jobsOf(this.warehouse)
    } catch (error) {
      const { message } = toDwhError(error)
      this.#warn(`${message.replace(/\s*\n\s*/g, '; ')}; the jobs are still those of before`)
      return undefined
    }
  }

  get #changedAt(): number | undefined {
    return statSync(this.warehouse.path, { throwIfNoEntry: false })?.mtimeMs
  }
}
