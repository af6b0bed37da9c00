import { describe, expect, it } from 'vitest'
import { DwhError } from '../../src/errors.ts'
import { readConnectionUrl } from '../../src/warehouse/connection-url.ts'

/** The settings of a URL without their origins. */
function read(value: string): Record<string, string> {
  const layer = readConnectionUrl({ value, origin: 'DATABASE_URL' })
  return Object.fromEntries(Object.entries(layer).map(([name, { value }]) => [name, value]))
}

describe('a connection URL', () => {
  it.each<[string, Record<string, string>]>([
    ['postgres://', {}],
    ['postgresql://h', { host: 'h' }],
    ['postgresql://h:5433/d', { host: 'h', port: '5433', database: 'd' }],
    ['postgresql://u:p@h/d', { user: 'u', password: 'p', host: 'h', database: 'd' }],
    ['postgresql://u@/d', { user: 'u', database: 'd' }],
    ['postgresql:///d?host=/run/pg', { host: '/run/pg', database: 'd' }],
    ['postgresql://%2Frun%2Fpg/d', { host: '/run/pg', database: 'd' }],
    ['postgresql://[2001:db8::1]:5433/', { host: '2001:db8::1', port: '5433' }],
    [
      'postgresql://u:p%40s%2Fs%3A%25@h/d%20b',
      { user: 'u', password: 'p@s/s:%', host: 'h', database: 'd b' },
    ],
    ['postgresql://u:p@s#s@h', { user: 'u', password: 'p@s#s', host: 'h' }],
    ['postgresql://h?user=u&password=a+b', { host: 'h', user: 'u', password: 'a+b' }],
    [
      'postgresql://h?sslmode=verify-full&sslrootcert=system',
      { host: 'h', sslmode: 'verify-full', sslrootcert: 'system' },
    ],
    [
      'postgresql://h?application_name=x&channel_binding=prefer&connect_timeout=3',
      { host: 'h', connect_timeout: '3' },
    ],
    ['postgresql://h?options=-c%20work_mem%3D1MB', { host: 'h', options: '-c work_mem=1MB' }],
  ])('%s', (url, settings) => {
    expect(read(url)).toEqual(settings)
  })

  it.each([
    ['localhost/d', 'holds no URL of one database'],
    ['mysql://u:s3cret@h/d', 'holds no URL of one database'],
    ['postgresql://u:s3cret@h1:1,h2:2/d', 'holds no URL of one database'],
    [
      'postgresql://u:s3cret%zz@h/d',
      'holds a % in its password that encodes nothing; a % itself is written %25',
    ],
    ['postgresql://u:s3cret@h/d?sslmod=verify-full', 'holds a parameter that dwh does not have: "sslmod"'],
    [
      'postgresql://u:s3cret@h/d?channel_binding=require',
      'holds a parameter that dwh does not have: "channel_binding"',
    ],
    ['postgresql://u:s3cret@h/d?constructor=1', 'holds a parameter that dwh does not have: "constructor"'],
  ])('%s is refused without being told on', (url, why) => {
    try {
      read(url)
      expect.unreachable()
    } catch (error) {
      expect(error).toBeInstanceOf(DwhError)
      expect((error as DwhError).message).toBe(`DATABASE_URL ${why}`)
      expect((error as DwhError).code).toBe('CONFIG_INVALID')
    }
  })
})
