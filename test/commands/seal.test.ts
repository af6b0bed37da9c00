import { expect, test } from 'vitest'
import { dwh, dwhDone } from '../support/cli.ts'
import { freshDatabase } from '../support/database.ts'
import { everyFault } from '../support/faults.ts'
import { server } from '../support/servers.ts'
import { testWarehouse } from '../support/warehouse.ts'

const like = (pattern: string | RegExp) => expect.stringMatching(pattern)
const uuid = like(/^[\da-f-]{36}$/)

const datasets = {
  sales: {
    target: 'public.sales',
    key: ['id', 'day'],
    recency: 'day',
    partition: { key: 'day', kind: 'date', grain: 'year', from: 2022, until: 2025, premake: 0 },
  },
  plain: { target: 'public.plain' },
}

test('seal, look, load, undo, doctor, unseal: each says what it will not do and what to type', async () => {
  await using database = await freshDatabase(server)
  await using session = await database.open()
  using folder = testWarehouse({ datasets }, { 'sales.csv': 'id,day\n1,2022-05-01\n' })
  const here = folder.at(database.target)
  await session.run(`CREATE TABLE public.sales (id int, day date NOT NULL, PRIMARY KEY (id, day));
    INSERT INTO public.sales SELECT i, '2022-01-01'::date + i FROM generate_series(1, 900) AS i`)
  await dwhDone(['setup', '--yes', '--no-backup'], here)

  const mistakes = await Promise.all(
    [
      ['seal', 'sales'],
      ['seal', 'sales', 'sales_2022', '--before', '2024'],
      ['unseal', 'sales'],
      ['seal', 'plain', 'x'],
      ['seal', 'sales', '--before', '2024'],
    ].map((words) => dwh(['partitions', ...words], here)),
  )
  expect(mistakes.map(({ code, stderr }) => `${code} ${stderr}`)).toEqual([
    like('2 .*USAGE name the leaves, or say --before which date they end'),
    like('2 .*USAGE name the leaves, or say --before which date they end'),
    like('2 .*USAGE name the leaves, or say --all'),
    like('2 .*USAGE dataset plain has no partition policy'),
    like(/2 2 leaves to seal:\n {2}public\.sales_2022 {2}about 364 rows, .*NEEDS_CONFIRMATION/s),
  ])
  const dry = await dwh(['partitions', 'seal', 'sales', '--before', '2024', '--dry-run', '--json'], here)
  expect(JSON.parse(dry.stdout)).toMatchObject({
    to_seal: [
      { leaf: 'public.sales_2022', from: '2022-01-01', to: '2023-01-01', rows: 364, void: null },
      { leaf: 'public.sales_2023' },
    ],
    already_sealed: [],
  })
  expect(await session.one('SELECT count(*) AS n FROM dwh.seals')).toEqual({ n: 0 })

  const done = await dwhDone(['partitions', 'seal', 'sales', '--before', '2024', '--yes', '--json'], here)
  expect(JSON.parse(done.stdout)).toEqual({
    sealed: [
      { leaf: 'public.sales_2022', seal: uuid },
      { leaf: 'public.sales_2023', seal: uuid },
    ],
    already_sealed: [],
  })
  const again = await dwhDone(['partitions', 'seal', 'sales', 'sales_2022', '--yes'], here)
  expect(again).toMatchObject({ stdout: '', stderr: 'nothing to do: they are sealed\n' })
  const list = await dwhDone(['partitions', 'list'], here)
  expect(list.stdout).toMatch(/sales_2022 .* sealed\nsales_2023 .* sealed\nsales_2024 .* ok\n/)

  const load = await dwh(['load', 'sales', 'sales.csv', '--yes'], here)
  expect(load).toMatchObject({
    code: 1,
    stderr: like(
      /LEAF_SEALED public\.sales_2022 is sealed, and sales\.csv has rows that belong there; nothing was changed\nhint {2}type: dwh partitions unseal sales sales_2022/,
    ),
  })
  const undo = await dwh(['setup', '--undo', '--yes'], here)
  expect(undo).toMatchObject({
    code: 1,
    stderr: like(
      /LEAF_SEALED public\.sales_2022, public\.sales_2023 are sealed, and --undo .*hint {2}type: dwh partitions unseal sales sales_2022 sales_2023/s,
    ),
  })

  await session.run('VACUUM FULL public.sales_2022')
  await session.run('ALTER TABLE public.sales DETACH PARTITION public.sales_2023')
  const [wrong, doctor] = await Promise.all([
    dwh(['partitions', 'list', '--json'], here),
    dwh(['doctor', '--json'], here),
  ])
  expect(wrong).toMatchObject({
    code: 4,
    stderr: like(
      /2 problems: .*sales_2022: seal void \(it was rewritten or truncated\).*dwh partitions seal seals a leaf anew/s,
    ),
  })
  expect(JSON.parse(wrong.stdout)[0].leaves[0]).toMatchObject({
    leaf: 'sales_2022',
    state: 'seal void',
    seal: { seal: uuid, state: 'void', sealed_at: like('Z$'), why: 'it was rewritten or truncated' },
  })
  expect(JSON.parse(doctor.stdout).questions.find(({ id }: { id: string }) => id === 'seals')).toEqual({
    id: 'seals',
    question: 'Does every seal hold?',
    answer: 'no',
    finding: 'public.sales_2022: it was rewritten or truncated, public.sales_2023: it was detached',
    mend: {
      kind: 'command',
      text: 'dwh partitions seal sales sales_2022\ndwh partitions unseal sales sales_2023',
    },
  })

  const off = await dwh(['partitions', 'unseal', 'sales', '--all', '--dry-run'], here)
  expect(off.stdout).toBe(
    '2 leaves to unseal:\n  public.sales_2022  seal void: it was rewritten or truncated\n  public.sales_2023  seal void: it was detached\n',
  )
  const unsealed = await dwhDone(['partitions', 'unseal', 'sales', '--all', '--yes', '--json'], here)
  expect(JSON.parse(unsealed.stdout)).toEqual({
    unsealed: ['public.sales_2022', 'public.sales_2023'],
    not_sealed: [],
  })
  const nothing = await dwhDone(['partitions', 'unseal', 'sales', 'sales_2022'], here)
  expect(nothing.stderr).toBe('nothing to do: no such leaf is sealed\n')
  await session.run('DELETE FROM public.sales_2022; DELETE FROM public.sales_2023')
})

test.runIf(everyFault)('killed with -9 between two leaves, the same command seals the rest', async () => {
  await using database = await freshDatabase(server)
  await using session = await database.open()
  using folder = testWarehouse({ datasets })
  const here = folder.at(database.target)
  await session.run('CREATE TABLE public.sales (id int, day date) PARTITION BY RANGE (day)')
  await dwhDone(['partitions', 'create', '--yes'], here)
  const words = ['partitions', 'seal', 'sales', '--before', '2025', '--yes', '--json']
  const killed = await dwh(words, { ...here, killAt: { type: 'progress', step: 'seal', done: 1 } })
  expect(killed).toMatchObject({ signal: 'SIGKILL' })
  const sealed = JSON.parse((await dwhDone(words, here)).stdout)
  expect(sealed).toMatchObject({
    sealed: [{ leaf: 'public.sales_2023' }, { leaf: 'public.sales_2024' }],
    already_sealed: ['public.sales_2022'],
  })
  expect(await session.one('SELECT count(*) AS n FROM dwh.seals')).toEqual({ n: 3 })
})
