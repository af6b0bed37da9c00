import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { packageRoot } from '../../src/package.ts'

/** What scripts/test says last of a run of vitest. */
function summary(results: object | string, tested = 1, checked = 0) {
  const folder = mkdtempSync(join(tmpdir(), 'summary-'))
  const file = join(folder, 'results.json')
  writeFileSync(file, typeof results === 'string' ? results : JSON.stringify(results))
  try {
    const words = [join(packageRoot, 'scripts', 'test-summary.ts'), file, String(tested), String(checked)]
    const { status, stdout } = spawnSync(process.execPath, words, { cwd: packageRoot, encoding: 'utf8' })
    return { status, lines: stdout.trimEnd().split('\n') }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const named = (path: string) => join(packageRoot, path)
const passed = { status: 'passed', ancestorTitles: [], title: 'fine', failureMessages: [] }

test('names what failed, then counts', () => {
  const broken = {
    status: 'failed',
    ancestorTitles: ['a table', 'on PostgreSQL 15'],
    title: 'is there',
    failureMessages: ['AssertionError: expected 1 to be 2\n    at somewhere'],
  }
  const results = {
    ...{ numPassedTests: 2, numFailedTests: 1, numPendingTests: 3 },
    testResults: [
      { name: named('test/a.test.ts'), status: 'failed', assertionResults: [passed, broken, passed] },
      { name: named('test/b.test.ts'), status: 'failed', assertionResults: [] },
    ],
  }
  expect(summary(results, 1, 2)).toEqual({
    status: 1,
    lines: [
      'failed: test/a.test.ts > a table > on PostgreSQL 15 > is there: AssertionError: expected 1 to be 2',
      `could not run: ${named('test/b.test.ts')}`,
      'the check of the code failed: see above',
      '3 skipped, each with its reason above',
      '2 passed, 3 failed',
    ],
  })
})

test('is 0 only where everything passed', () => {
  const results = { numPassedTests: 1, numFailedTests: 0, numPendingTests: 0 }
  const testResults = [{ name: named('test/a.test.ts'), status: 'passed', assertionResults: [passed] }]
  expect(summary({ ...results, testResults }, 0)).toEqual({ status: 0, lines: ['1 passed, 0 failed'] })
  const beyond = ['vitest failed beyond its tests: see above', '1 passed, 1 failed']
  expect(summary({ ...results, testResults })).toEqual({ status: 1, lines: beyond })
  expect(summary('')).toMatchObject({ status: 1, lines: [beyond[0], '0 passed, 1 failed'] })
})
