import { describe, expect, test } from 'vitest'
import { toDwhError } from '../../../src/errors.ts'
import { SourceServer } from '../../../src/sources/postgres/server.ts'
import { ValueQuery } from '../../../src/sources/postgres/values.ts'
import { freshDatabase } from '../../support/database.ts'
import { servers } from '../../support/servers.ts'
import { wish } from '../../support/wish.ts'
import { quietWork } from '../../support/work.ts'

describe.each(servers)('a query of values, $name', (server) => {
  test('gives each value once as text, for its window and its parameters; what is wrong with it is said', async () => {
    await using database = await freshDatabase(server)
    await using session = await database.open()
    await session.run(`
      CREATE TABLE public.station (code text, number integer, region text, opened date);
      INSERT INTO public.station VALUES ('b', 2, 'north', '2020-01-01'), ('B', 10, 'north', '2020-01-01'),
        ('a', 1, 'south', '2020-01-01'), ('a', 1, 'south', '2021-01-01'), ('c', 3, 'north', '2030-01-01'), (NULL, NULL, 'north', NULL)`)
    await using source = new SourceServer(database.target)
    const of = (text: string, parameters = {}) =>
      new ValueQuery({ text, file: 'sql/stations.sql' }, source).read(
        wish('2024-01-01', '2024-02-01', parameters),
        quietWork(),
      )
    const refusal = async (text: string) =>
      toDwhError(
        await of(text).then(
          () => expect.fail('it did not fail'),
          (error) => error,
        ),
      )

    expect(await of('SELECT code FROM public.station;\n')).toEqual(['B', 'a', 'b', 'c'])
    expect(await of('SELECT number, code FROM public.station -- all of them')).toEqual(['1', '10', '2', '3'])
    const cut = `SELECT code FROM public.station WHERE opened < :to AND (:region = '' OR region = :region)`
    expect(await of(cut, { region: 'north' })).toEqual(['B', 'b'])
    expect(await of(cut, { region: `o'clock` })).toEqual([])
    expect(new ValueQuery({ text: cut }, source).isByWindow).toBe(true)
    expect(new ValueQuery({ text: "SELECT ':from', 'a'::text" }, source).isByWindow).toBe(false)

    expect(await refusal('SELECT code FROM public.stations')).toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(
        /the query of `for_each` fails: .*public\.stations.*[\s\S]*sql\/stations\.sql:1/,
      ),
    })
    expect(await refusal('SELECT code FROM public.station WHERE region = :regoin')).toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/:regoin/),
    })
    expect(await refusal('SELECT generate_series(1, 100001)')).toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/more than 100,000 values/),
    })
    // It reads, and nothing else.
    expect((await refusal('DELETE FROM public.station RETURNING code')).code).toBe('CONFIG_INVALID')
    expect(await session.one('SELECT count(*)::int AS n FROM public.station')).toEqual({ n: 6 })
  })
})
