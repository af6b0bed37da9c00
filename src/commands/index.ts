import type { Command, Group } from '../cli/command.ts'
import { configGroup } from './config/index.ts'
import { dev } from './dev/index.ts'

/** Every command, in the order of the help. */
export const commands: (Command | Group)[] = [dev, configGroup]
