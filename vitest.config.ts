import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** The files that take longest, which come first so that nobody waits for one of them at the end. */
const long = [
  'convert/convert',
  'commands/dev',
  'faults/backfill',
  'faults/backup/restore',
  'faults/killed',
  'setup/refusals',
  'setup/hubeau',
  'backup/restore/leaves',
  'faults/load/others',
  'convert/dependents',
  'convert/duplicates',
  'postgres/server/server',
  'init/init',
  'package',
]

class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) => {
      const at = long.findIndex((name) => moduleId.endsWith(`/test/${name}.test.ts`))
      return at < 0 ? long.length : at
    }
    return (await super.sort(files)).toSorted((one, other) => place(one) - place(other))
  }
}

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: 'test/support/run.ts',
    pool: 'forks',
    // Most of a test is waiting for servers and programs, which share two cores with the tests.
    maxWorkers: 3,
    // A worker keeps what it has loaded from file to file, and the program of test/support/warm.ts.
    isolate: false,
    sequence: { sequencer: LongFirst },
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
})
