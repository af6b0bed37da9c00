import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: 'test/support/run.ts',
    pool: 'forks',
    // Most of a test is waiting for servers and programs, which share two cores with the tests.
    maxWorkers: 3,
    // A worker keeps what it has loaded from file to file, and the program of test/support/warm.ts.
    isolate: false,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
})
