import type { Group } from '../../cli/command.ts'
import { psql } from './psql.ts'
import { reset } from './reset.ts'
import { start } from './start.ts'
import { status } from './status.ts'
import { stop } from './stop.ts'
import { url } from './url.ts'

export const dev: Group = {
  name: 'dev',
  summary: 'a PostgreSQL server of your own, for this folder',
  commands: [start, stop, status, reset, psql, url],
}
