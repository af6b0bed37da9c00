import type { Command, Group } from '../cli/command.ts'
import { backupGroup } from './backup/index.ts'
import { compressGroup } from './compress/index.ts'
import { configGroup } from './config/index.ts'
import { dedupCommand } from './dedup/index.ts'
import { dev } from './dev/index.ts'
import { doctor } from './doctor/index.ts'
import { init } from './init/index.ts'
import { load } from './load/index.ts'
import { migrateGroup } from './migrate/index.ts'
import { partitionsGroup } from './partitions/index.ts'
import { rejectsGroup } from './rejects/index.ts'
import { runsGroup } from './runs/index.ts'
import { setup } from './setup/index.ts'
import { status } from './status/index.ts'

/** Every command, in the order of the help. */
export const commands: (Command | Group)[] = [
  init,
  setup,
  status,
  doctor,
  migrateGroup,
  partitionsGroup,
  load,
  dedupCommand,
  compressGroup,
  backupGroup,
  rejectsGroup,
  runsGroup,
  configGroup,
  dev,
]
