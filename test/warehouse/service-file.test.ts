import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { DwhError } from '../../src/errors.ts'
import { readEnvironment } from '../../src/warehouse/environment.ts'
import { readService } from '../../src/warehouse/service-file.ts'
import { Folder, forgetEnvironment } from './folder.ts'

let home: Folder

beforeEach(() => {
  home = new Folder()
  forgetEnvironment(home)
})

afterEach(() => {
  vi.unstubAllEnvs()
  home[Symbol.dispose]()
})

/** `name=value at line` of each setting of a service. */
function read(service: string): string[] {
  const layer = readService({ value: service, origin: 'PGSERVICE' }, readEnvironment([]))
  return Object.entries(layer).map(
    ([name, { value, origin }]) => `${name}=${value} at ${origin.replace(home.path, '~')}`,
  )
}

function complaint(service: string): string {
  try {
    read(service)
  } catch (error) {
    if (error instanceof DwhError && error.code === 'CONFIG_INVALID')
      return error.message.replaceAll(home.path, '~')
    throw error
  }
  throw new Error('it went well')
}

describe('the service file', () => {
  it('is read section by section, with comments and blanks at the ends of lines', () => {
    home.write(
      '.pg_service.conf',
      '# ours\n[first]\nhost=h1\nnonsense=1\n\n  [second]  \r\n  host=h2  \n# no\nport=5433\ndbname=d=d\nhost=h3\napplication_name=x\n[third]\nhost=h4\n',
    )
    expect(read('second')).toEqual([
      'host=h2 at ~/.pg_service.conf:7',
      'port=5433 at ~/.pg_service.conf:9',
      'database=d=d at ~/.pg_service.conf:10',
    ])
  })

  it.each([
    ['host', '~/.pg_service.conf:2 is no line like host=db.example.org'],
    ['hots=h', '~/.pg_service.conf:2 has a setting that dwh does not have: "hots"'],
    ['host = h', '~/.pg_service.conf:2 has a setting that dwh does not have: "host "'],
    ['service=other', '~/.pg_service.conf:2 has a setting that dwh does not have: "service"'],
    [
      'require_auth=scram-sha-256',
      '~/.pg_service.conf:2 has a setting that dwh does not have: "require_auth"',
    ],
    ['ldap://ldap.example.org/dc=x', '~/.pg_service.conf:2 asks an LDAP server, which dwh does not do'],
  ])('a line %j is refused by file and line', (line, message) => {
    home.write('.pg_service.conf', `[prod]\n${line}\n`)
    expect(complaint('prod')).toBe(message)
  })

  it('is that of PGSERVICEFILE, else of the home, and behind it that of PGSYSCONFDIR', () => {
    vi.stubEnv('PGSYSCONFDIR', `${home.path}/etc`)
    home.write('etc/pg_service.conf', '[prod]\nhost=system\n[other]\nhost=system\n')
    expect(read('prod')).toEqual(['host=system at ~/etc/pg_service.conf:2'])
    home.write('.pg_service.conf', '[prod]\nhost=home\n')
    expect(read('prod')).toEqual(['host=home at ~/.pg_service.conf:2'])
    vi.stubEnv('PGSERVICEFILE', home.write('named', '[prod]\nhost=named\n'))
    expect(read('prod')).toEqual(['host=named at ~/named:2'])
    expect(read('other')).toEqual(['host=system at ~/etc/pg_service.conf:4'])
  })

  it('that is named must be there, and so must the service', () => {
    expect(complaint('prod')).toBe('the service "prod" (PGSERVICE) is defined nowhere')
    vi.stubEnv('PGSERVICEFILE', `${home.path}/none`)
    expect(complaint('prod')).toBe('there is no service file ~/none (PGSERVICEFILE)')
  })

  it('a name with brackets and dots is compared letter by letter', () => {
    home.write('.pg_service.conf', '[prodXeu]\nhost=wrong\n[prod.eu]\nhost=right\n')
    expect(read('prod.eu')).toEqual(['host=right at ~/.pg_service.conf:4'])
  })
})
