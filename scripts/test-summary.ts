// The last lines of scripts/test (what failed, and how many passed), and its exit code: node scripts/test-summary.ts RESULTS VITEST_EXIT CHECK_EXIT
import { readFileSync } from 'node:fs'
import { relative } from 'node:path'

/** What we read of vitest's JSON reporter. */
interface Results {
  numPassedTests: number
  numFailedTests: number
  numPendingTests: number
  testResults: {
    name: string
    status: string
    assertionResults: { status: string; ancestorTitles: string[]; title: string; failureMessages: string[] }[]
  }[]
}

const [path = '', tested, checked] = process.argv.slice(2)
const say = (line: string) => process.stdout.write(`${line}\n`)

const results = read(path)
let failed = results.numFailedTests
for (const file of results.testResults) tellFailed(file)
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

/** One line for each test that failed, since what vitest says of it stands far above. */
function tellFailed({ name, assertionResults }: Results['testResults'][number]): void {
  for (const { status, ancestorTitles, title, failureMessages } of assertionResults) {
    if (status !== 'failed') continue
    const test = [relative(process.cwd(), name), ...ancestorTitles, title].join(' > ')
    const why = (failureMessages[0] ?? '').split('\n', 1)[0]?.slice(0, 200)
    say(`failed: ${test}${why ? `: ${why}` : ''}`)
  }
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
