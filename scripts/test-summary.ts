// The last line of scripts/test, and its exit code: node scripts/test-summary.ts RESULTS VITEST_EXIT CHECK_EXIT
import { readFileSync } from 'node:fs'

/** What we read of vitest's JSON reporter. */
interface Results {
  numPassedTests: number
  numFailedTests: number
  numPendingTests: number
  testResults: { name: string; status: string; assertionResults: { status: string }[] }[]
}

const [path = '', tested, checked] = process.argv.slice(2)
const say = (line: string) => process.stdout.write(`${line}\n`)

const results = read(path)
let failed = results.numFailedTests
for (const { name } of results.testResults.filter(couldNotRun)) fail(`could not run: ${name}`)
// Such as a database that was left behind, or no test at all.
if (tested !== '0' && failed === 0) fail('vitest failed beyond its tests: see above')
if (checked !== '0') fail('the check of the code failed: see above')

if (results.numPendingTests > 0) say(`${results.numPendingTests} skipped, each with its reason above`)
say(`${results.numPassedTests} passed, ${failed} failed`)
process.exitCode = failed > 0 ? 1 : 0

function fail(why: string): void {
  say(why)
  failed++
}

/** The reporter writes nothing when vitest itself breaks down. */
function read(path: string): Results {
  const text = readFileSync(path, 'utf8')
  return text
    ? JSON.parse(text)
    : { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, testResults: [] }
}

/** A file that failed although none of its tests did: it could not be loaded, or a hook failed. */
function couldNotRun({ status, assertionResults }: Results['testResults'][number]): boolean {
  return status === 'failed' && assertionResults.every((test) => test.status !== 'failed')
}
