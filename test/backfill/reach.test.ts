import { createServer } from 'node:net'
import { expect, test } from 'vitest'
import { Probe } from '../../src/backfill/reach.ts'
import { DwhError } from '../../src/errors.ts'
import { openHttp } from '../../src/sources/http/source.ts'
import { sourceSchema } from '../../src/warehouse/source.ts'
import { apiServer } from '../support/api-server.ts'
import { hubeau } from '../support/apis/hubeau.ts'
import { surroundings } from '../support/surroundings.ts'
import { quietWork } from '../support/work.ts'

const like = (pattern: RegExp) => expect.stringMatching(pattern)
const wish = { window: undefined, parameters: {} }

/** An address of this machine where nobody listens any more. */
async function nowhere(): Promise<string> {
  const taken = createServer()
  await new Promise<void>((listening) => taken.listen(0, '127.0.0.1', listening))
  const { port } = taken.address() as { port: number }
  await new Promise((closed) => taken.close(closed))
  return `127.0.0.1:${port}`
}

test('a host that nobody reaches is told after two tries, and before anything is begun; one that answers is no reason to stop', async () => {
  await using api = await apiServer([hubeau({ rows: () => [] })])
  await using place = surroundings()
  const dead = await nowhere()
  const open = (base: string) => () => {
    const url = `${base}/api/v1/niveaux_nappes/chroniques`
    const settings = sourceSchema.parse({ kind: 'http', url, count: 'count', retries: 5 })
    return openHttp(settings as Parameters<typeof openHttp>[0], place)
  }
  const work = quietWork()
  const ask = (probe: Probe, name: string, base: string) =>
    probe.ask({ name, isOutside: true }, open(base), (source, asking) => source.estimate(wish, asking))

  const alone = new Probe(work)
  expect(await ask(alone, 'measure/piezo', `http://${dead}`)).toBe(undefined)
  expect(await ask(alone, 'measure/temp', `http://${dead}`)).toBe(undefined)
  // The second source of a host that is known to be out of reach is asked once.
  expect(work.events.filter(({ type }) => type === 'request')).toHaveLength(3)
  const unreached = like(
    new RegExp(`^measure/piezo, measure/temp: ${dead} cannot be reached: .*ECONNREFUSED`),
  )
  expect(alone.checks(false)).toEqual([
    { what: 'sources', state: 'no', finding: unreached, hint: like(/network/), code: 'SOURCE_FAILED' },
  ])
  // Work that begins at night may find it there.
  expect(alone.checks(true)).toMatchObject([{ state: 'warning', finding: unreached }])

  const both = new Probe(work)
  await ask(both, 'measure/piezo', `http://${dead}`)
  expect(await ask(both, 'measure/temp', api.base)).toBe(0)
  expect(both.checks(false)).toMatchObject([{ state: 'warning', finding: like(/^measure\/piezo: /) }])

  const answers = new Probe(work)
  await ask(answers, 'measure/temp', api.base)
  expect(answers.checks(false)).toEqual([{ what: 'sources', state: 'yes', finding: 'measure/temp answers' }])

  // What it says of one question tells nothing of the others; what it says of a login does.
  for (const [status, state] of [
    [404, 'warning'],
    [401, 'no'],
  ] as const) {
    api.faults = () => ({ status, body: 'no' })
    const refused = new Probe(work)
    await ask(refused, 'measure/temp', api.base)
    expect(refused.checks(false)).toMatchObject([{ state, finding: like(new RegExp(`answered ${status}`)) }])
  }

  // What this machine has, or lacks, is told only where it is in the way.
  const own = new Probe(work)
  const lacking = async () => {
    throw new DwhError('CONFIG_INVALID', 'the variable TOKEN is not set', { hint: 'set it' })
  }
  expect(await own.ask({ name: 'a/b', isOutside: false }, open(api.base), async () => 7)).toBe(7)
  expect(own.checks(false)).toEqual([])
  await own.ask({ name: 'a/b', isOutside: true }, lacking, async () => 7)
  expect(own.checks(false)).toEqual([
    {
      what: 'sources',
      state: 'no',
      finding: 'a/b: the variable TOKEN is not set',
      hint: 'set it',
      code: 'CONFIG_INVALID',
    },
  ])
})
