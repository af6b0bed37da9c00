import type { z } from 'zod'
import type { sourceSchema } from '../../warehouse/source.ts'

export type DwdSettings = Extract<z.output<typeof sourceSchema>, { kind: 'dwd' }>
