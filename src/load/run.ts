import { DwhError, toDwhError } from '../errors.ts'
import type { Work } from '../events.ts'
import { type Lease, underLease } from '../ledger/lease.ts'
import { forgetAttempt, type LoadFigures, openLoad } from '../ledger/loads.ts'
import { Crew } from '../postgres/crew.ts'
import { type RelationName, shown } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'
import { inTransaction } from '../postgres/transaction.ts'
import type { Input } from '../sources/file/find.ts'
import type { Reader } from '../sources/file/reader.ts'
import { append } from './append.ts'
import { mappingHash } from './identity.ts'
import { dropTables, Landing } from './landing.ts'
import { giveUp, removeLeftovers } from './leftovers.ts'
import type { Hands, LoadOptions } from './options.ts'
import type { LoadPlan } from './plan.ts'
import { PlacesNeeded } from './publish/deduplicate.ts'
import { publish } from './publish/publish.ts'
import { Dispatch } from './send/dispatch.ts'
import { RejectLog } from './send/reject-log.ts'
import { sendInput } from './send/send.ts'

/** How a load of one file has ended. */
export interface Loaded extends LoadFigures {
  load: number
}

/**
 * Loads one file: nothing of it is visible before the end, then all of it that is no reject.
 *
 * Killed anywhere, the next load of the table removes what is left, and the same command begins the file again.
 *
 * @throws DwhError REJECTS_TOO_MANY, ROWS_UNFIT, INPUT_BROKEN, LOADED_MEANWHILE, LOCK_HELD, LEASE_LOST, PROOF_FAILED
 */
export async function loadInput(
  session: Session,
  work: Work,
  file: OpenInput,
  run: number,
  options: LoadOptions,
): Promise<Loaded> {
  const { plan, input } = file
  return underLease(session, work, loadLease(plan.target.dataset.target, input), run, async (lease) => {
    const size = plan.landing === 'target' ? 1 : options.jobs
    await using crew = await Crew.hire(session, work, size, `dwh load ${run}`)
    for (const member of crew.sessions) await lease.join(member)
    return await loadUnder(session, work, { lease, crew }, file, run, options)
  })
}

/** An open input with the plan of its load. */
export interface OpenInput {
  input: Input
  reader: Reader
  plan: LoadPlan
}

/** `loadInput` for whoever holds a lease that no other load of this input can work beside. */
export async function loadUnder(
  session: Session,
  work: Work,
  { lease, crew }: Hands,
  { input, reader, plan }: OpenInput,
  run: number,
  options: LoadOptions,
): Promise<Loaded> {
  const { target } = plan
  const table = target.dataset.target
  if (options.chunk && plan.landing === 'target')
    throw new DwhError(
      'USAGE',
      'rows of a chunk are judged before they come to the table: they cannot be appended',
    )
  await removeLeftovers(session, work, target, input.name)
  const load = await openLoad(session, {
    run,
    warehouse: options.warehouse,
    dataset: target.dataset.name,
    table,
    input: input.name,
    place: input.place,
    header: reader.header ?? null,
    bytes: input.bytes,
    mapping: mappingHash(target, reader, options),
    reading: { ...reader.reading, decimalComma: options.decimalComma },
    strategy: plan.strategy,
  })
  try {
    const attempt = new Attempt(session, crew, work, lease, load, input, reader, plan, options)
    const figures = await attempt.run()
    return { load, ...figures }
  } catch (thrown) {
    await giveUp(session, load, toDwhError(thrown))
    throw thrown
  }
}

/** What only one load at a time does: bring this input into this table. */
export function loadLease(table: RelationName, { name }: Input): string {
  return `load ${shown(table)} ${name}`
}

class Attempt {
  readonly #session: Session
  readonly #crew: Crew
  readonly #work: Work
  readonly #lease: Lease
  readonly #load: number
  readonly #input: Input
  readonly #reader: Reader
  readonly #plan: LoadPlan
  readonly #options: LoadOptions

  constructor(
    session: Session,
    crew: Crew,
    work: Work,
    lease: Lease,
    load: number,
    input: Input,
    reader: Reader,
    plan: LoadPlan,
    options: LoadOptions,
  ) {
    this.#session = session
    this.#crew = crew
    this.#work = work
    this.#lease = lease
    this.#load = load
    this.#input = input
    this.#reader = reader
    this.#plan = plan.landing === 'target' ? { ...plan, target: plan.target.withDefaults() } : plan
    this.#options = options
  }

  async run(): Promise<LoadFigures> {
    for (const member of this.#crew.sessions) {
      await member.run(sql('load/give_memory'))
      // The last transaction waits for the disk, and with it for all that was written before.
      if (this.#plan.landing !== 'target') await member.run('SET synchronous_commit = off')
    }
    if (this.#plan.landing === 'target') return this.#append()
    try {
      return await this.#byLanding(this.#plan.landing)
    } catch (error) {
      if (!(error instanceof PlacesNeeded)) throw error
      this.#work.emit({
        type: 'note',
        message:
          'rows of one key are equally new and differ: the file is read again, with the place of each row',
      })
      await inTransaction(this.#session, async () => {
        const landing = await forgetAttempt(this.#session, this.#load)
        await dropTables(this.#session, landing)
      })
      return this.#byLanding('staging')
    }
  }

  async #append(): Promise<LoadFigures> {
    const [sender] = this.#crew.sessions
    const rejects = this.#rejects()
    return append(sender as Session, this.#work, this.#lease, {
      plan: this.#plan,
      reader: this.#reader,
      rejects,
      load: this.#load,
      again: this.#options.again,
      replay: this.#options.replay,
      send: (dispatch) => this.#send(dispatch),
    })
  }

  #rejects(): RejectLog {
    return new RejectLog(this.#session, this.#work, this.#load, this.#options.budget, {
      guessed: this.#plan.rows,
      count: () => this.#countRecords(),
    })
  }

  async #countRecords(): Promise<number> {
    if (this.#reader.rows !== undefined) return this.#reader.rows
    let records = 0
    for await (const batch of this.#reader.batches(this.#work)) {
      records += batch.count
      batch[Symbol.dispose]()
    }
    return records
  }

  /** Rows arrive in tables of their own, are made ready there, and come to the target in one last transaction. */
  async #byLanding(kind: 'leaves' | 'staging'): Promise<LoadFigures> {
    const { target } = this.#plan
    const [session, work] = [this.#session, this.#work]
    const landing = await Landing.create(session, this.#load, target.dataset, target, target.columns, kind)
    const rejects = this.#rejects()
    const dispatch = new Dispatch(this.#reader, target, landing, rejects)
    const digest = await this.#send(dispatch)
    const records = dispatch.landed + rejects.count
    await rejects.settle(records)
    return publish(
      session,
      work,
      { lease: this.#lease, crew: this.#crew },
      {
        load: this.#load,
        plan: this.#plan,
        landing,
        records,
        rejected: rejects.count,
        digest,
        tell: () => rejects.tell(),
      },
      this.#options,
    )
  }

  #send(dispatch: Dispatch): Promise<{ bytes: number; sha256: string }> {
    return sendInput(this.#crew.sessions, this.#work, this.#input, this.#reader, dispatch, this.#plan.dates)
  }
}
