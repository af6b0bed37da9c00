/** `npm run test:faults` ends the programs at every point where they can be ended; the default run takes a sample. */
export const everyFault = process.env.DWH_TEST_FAULTS === 'all'
