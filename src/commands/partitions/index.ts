import type { Group } from '../../cli/command.ts'
import { partitionsCreate } from './create.ts'
import { partitionsList } from './list.ts'
import { partitionsSeal } from './seal.ts'
import { partitionsUnseal } from './unseal.ts'

export const partitionsGroup: Group = {
  name: 'partitions',
  summary: 'leaves of partitioned tables',
  commands: [partitionsCreate, partitionsList, partitionsSeal, partitionsUnseal],
}
