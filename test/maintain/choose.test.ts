import { describe, expect, test } from 'vitest'
import { choose, type RewriteFacts, type RewriteSettings } from '../../src/maintain/rewrite/choose.ts'

const MB = 1024 ** 2
const settings: RewriteSettings = {
  bloat: 0.3,
  minSize: 8 * MB,
  methods: ['vacuum', 'repack', 'full'],
  allowBlocking: true,
}
const facts: RewriteFacts = {
  bloat: { bytes: 100 * MB, dead: 10 * MB, free: 40 * MB, share: 0.5, is_estimate: false },
  hasFreeTail: false,
  repackObstacle: undefined,
  isOwner: true,
  tablespace: undefined,
  freeDisk: 1000 * MB,
  liveBytes: 60 * MB,
}
const withBloat = (share: number, bytes: number) => ({
  bytes,
  dead: 0,
  free: share * bytes,
  share,
  is_estimate: true,
})
const noRepack = { repackObstacle: 'no client' }

describe('the mildest way that frees something', () => {
  test.each<[string, Partial<RewriteFacts>, Partial<RewriteSettings>, string, RegExp]>([
    ['unknown', { bloat: undefined }, {}, 'nothing', /never analyzed/],
    ['small', { bloat: withBloat(0.9, 7 * MB) }, {}, 'nothing', /smaller than 8\.0 MB/],
    ['sound', { bloat: withBloat(0.29, 100 * MB) }, {}, 'nothing', /^only 29 % of it is free by estimate/],
    ['bloated', {}, {}, 'repack', /^50 % of it is free \(40\.0 MB\) or dead \(10\.0 MB\)$/],
    ['at its end', { hasFreeTail: true }, {}, 'vacuum', /at its end/],
    ['at its end, without VACUUM', { hasFreeTail: true }, { methods: ['full'] }, 'full', /^50 %/],
    ['without pg_repack', noRepack, {}, 'full', /^50 %/],
    [
      'without leave to block',
      noRepack,
      { allowBlocking: false },
      'vacuum',
      /pg_repack: no client; VACUUM FULL: allow_blocking is not set/,
    ],
    ['of another owner', { ...noRepack, isOwner: false }, {}, 'vacuum', /the role does not own it/],
    [
      'without room',
      { freeDisk: 71 * MB },
      {},
      'vacuum',
      /it needs 72\.0 MB of the disk, and 71\.0 MB are free/,
    ],
    ['with room elsewhere', { freeDisk: 0, tablespace: 'other' }, {}, 'repack', /^50 %/],
    [
      'full, elsewhere',
      { ...noRepack, tablespace: 'other' },
      {},
      'vacuum',
      /cannot write into another tablespace/,
    ],
    ['of a disk that nobody sees', { ...noRepack, freeDisk: undefined }, {}, 'full', /^50 %/],
    [
      'without any method',
      noRepack,
      { methods: ['repack'] },
      'nothing',
      /no method is left .*VACUUM FULL: not among methods/,
    ],
  ])('%s', (_, some, set, method, reason) => {
    expect(choose({ ...facts, ...some }, { ...settings, ...set })).toEqual({
      method,
      reason: expect.stringMatching(reason),
    })
  })
})
