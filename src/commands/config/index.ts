import type { Group } from '../../cli/command.ts'
import { show } from './show.ts'
import { validate } from './validate.ts'

export const configGroup: Group = {
  name: 'config',
  summary: 'show and check the settings',
  commands: [show, validate],
}
