import { describe, expect, it } from 'vitest'
import type { z } from 'zod'
import {
  calendarDate,
  catalogueName,
  cronExpression,
  hostName,
  instant,
  ownName,
  relationName,
  share,
  span,
  stanzaName,
  timeWindow,
  timeZone,
} from '../../src/warehouse/values.ts'

describe.each<[string, z.ZodType, unknown[], unknown[]]>([
  ['ownName', ownName, ['a', 'fait_2020', 'x'.repeat(40)], ['', 'A', '1a', '_a', 'a-b', 'x'.repeat(41), 'é']],
  [
    'catalogueName',
    catalogueName,
    ['A b', '"', 'é'.repeat(31), 'x'.repeat(63)],
    ['', 'é'.repeat(32), 'a\0', 5],
  ],
  ['relationName', relationName, ['t', 's.t', '"S"."t.t"', '"a""b"'], ['', 'a.b.c', 's.', '"', 'a b', 5]],
  [
    'calendarDate',
    calendarDate,
    ['2020', 2020, '2020-02', '2024-02-29', '52217-01-01'],
    ['2023-02-29', '2020-13', '20200101', 20_200_101, '1/2/2020', '2020-1-1', 2020.5, 'today'],
  ],
  [
    'instant',
    instant,
    [
      '2026-11-22T03:15:00+01:00',
      '2026-11-22 02:15Z',
      '2026-11-22 02:15:00.123456+00',
      '2026-11-22T02:15-0330',
    ],
    ['2026-11-22', '2026-11-22 03:15', '03:15Z', '2026-11-31T03:15Z', 'yesterday', 5],
  ],
  ['stanzaName', stanzaName, ['main', '15-main', 'a.b_c'], ['', 'global', 'a/b', '../a', 'a b', '.a', '[a]']],
  ['timeZone', timeZone, ['UTC', 'Europe/Paris', 'Africa/Abidjan'], ['Paris', '+02:00', '-5', '', 2]],
  [
    'span',
    span,
    ['1 day', '90 days', '10years', ' 30 seconds ', '30s', '5min', '2 h', '90d'],
    ['0 days', '-1 day', '90', 90, '1.5 days', '9999999 days', '1 fortnight'],
  ],
  ['share', share, ['95%', '0%', '12.5 %', 0, 1, 0.3], ['95', 95, '101%', -0.1, '', null, 'half']],
  [
    'cronExpression',
    cronExpression,
    ['0 2 * * *', '*/5 * * * *', '0 3 1 * *', '0 2 * * 1', '0 0 29 2 *'],
    ['0 2 31 2 *', '0 2 * *', '0 0 2 * * *', '60 * * * *', '@daily', '', 5],
  ],
  [
    'timeWindow',
    timeWindow,
    ['02:00-05:00', 'Mon 02:00-05:00', 'Mon-Fri 20:00-06:00 Europe/Paris', 'Sat,Sun 00:00–23:59 UTC'],
    ['2:00-5:00', '25:00-26:00', '02:00-05:60', 'Lun 02:00-05:00', '02:00-05:00 Nowhere/City', '02:00'],
  ],
  [
    'hostName',
    hostName,
    ['localhost', 'db.example.org', '192.0.2.1', '2001:db8::1', '/var/run/postgresql', '/odd folder'],
    ['', 'a b', 'a,b', 'postgres://h', 'me@h', 'h/d'],
  ],
])('%s', (_name, schema, fit, unfit) => {
  it.each(fit)('takes %j', (value) => {
    expect(schema.safeParse(value).success).toBe(true)
  })

  it.each(unfit)('refuses %j, and says what it expects', (value) => {
    expect(schema.safeParse(value).error?.issues[0]?.message).toMatch(/^expected /)
  })
})
