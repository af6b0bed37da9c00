import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { DwhError } from '../../src/errors.ts'
import { packageRoot } from '../../src/package.ts'
import { findWarehouse, locateWarehouse } from '../../src/warehouse/find.ts'
import { Folder, forgetEnvironment } from './folder.ts'

let folder: Folder

beforeEach(() => {
  folder = new Folder()
  forgetEnvironment(folder)
  standIn('')
})

afterEach(() => {
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
  folder[Symbol.dispose]()
})

/** node:path resolves against it too. */
function standIn(name: string): void {
  const path = join(folder.path, name)
  mkdirSync(path, { recursive: true })
  vi.spyOn(process, 'cwd').mockReturnValue(path)
}

const shipped = (name: string) => join(packageRoot, 'warehouses', `${name}.yaml`)

function missing(named?: string): DwhError {
  try {
    findWarehouse(named)
  } catch (error) {
    if (error instanceof DwhError && error.code === 'CONFIG_MISSING') return error
    throw error
  }
  throw new Error('it was found')
}

describe('the warehouse file', () => {
  it('is looked for upwards', () => {
    const path = folder.write('dwh.yml', '')
    standIn('a/b/c')
    expect(findWarehouse()).toBe(path)
    expect(findWarehouse('')).toBe(path)
    const nearer = folder.write('a/dwh.yaml', '')
    expect(findWarehouse()).toBe(nearer)
  })

  it('may be named by path, by folder or by the name of one that ships', () => {
    const path = folder.write('conf/other.yaml', '')
    const inside = folder.write('mine/dwh.yaml', '')
    expect(findWarehouse('conf/other.yaml')).toBe(path)
    expect(findWarehouse(path)).toBe(path)
    expect(findWarehouse('mine')).toBe(inside)
    expect(findWarehouse('sigeti')).toBe(shipped('sigeti'))
  })

  it('of a name that ships is ours, unless a folder or file of that name holds one', () => {
    standIn('x/flights')
    standIn('x')
    expect(findWarehouse('flights')).toBe(shipped('flights'))
    const own = folder.write('x/flights/dwh.yaml', '')
    expect(findWarehouse('flights')).toBe(own)
  })

  it('may be named in DWH_WAREHOUSE, also of a .env, behind the flag', () => {
    folder.write('dwh.yaml', '')
    folder.write('.env', 'DWH_WAREHOUSE=flights\n')
    expect(locateWarehouse()).toEqual({ path: shipped('flights'), origin: 'DWH_WAREHOUSE in .env' })
    vi.stubEnv('DWH_WAREHOUSE', 'sigeti')
    expect(locateWarehouse()).toEqual({ path: shipped('sigeti'), origin: 'DWH_WAREHOUSE' })
    expect(locateWarehouse('flights')).toEqual({ path: shipped('flights'), origin: '--warehouse' })
  })

  it('that is nowhere: where was looked, what ships, what to type', () => {
    expect(locateWarehouse()).toBeUndefined()
    expect(missing().message).toBe(`no warehouse file: no dwh.yaml in ${folder.path} or in a folder above it`)
    expect(missing().hint).toMatch(/-w NAME; these ship: flights, hubeau, .*sigeti, timeline/)
  })

  it('that is named and not there is not replaced by another', () => {
    folder.write('dwh.yaml', '')
    expect(missing('sigetti').message).toBe(
      `no warehouse "sigetti" (--warehouse): there is no file ${folder.path}/sigetti, and none of that name ships with dwh`,
    )
    expect(missing('sigetti').hint).toMatch(/^these ship: flights, .*; did you mean sigeti\?$/)
    vi.stubEnv('DWH_WAREHOUSE', '../warehouses/sigeti')
    expect(missing().message).toContain('(DWH_WAREHOUSE)')
    expect(() => locateWarehouse()).toThrow(DwhError)
  })
})
