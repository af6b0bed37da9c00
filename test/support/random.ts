import fc from 'fast-check'
import { inject } from 'vitest'

/** The seed of this run, printed at its start; DWH_TEST_SEED repeats it. */
const seed = inject('seed')

fc.configureGlobal({ ...fc.readConfigureGlobal(), seed })

export { fc }
