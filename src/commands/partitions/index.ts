import type { Group } from '../../cli/command.ts'
import { partitionsArchive } from './archive.ts'
import { partitionsCreate } from './create.ts'
import { partitionsDrop } from './drop.ts'
import { partitionsList } from './list.ts'
import { partitionsSeal } from './seal.ts'
import { partitionsThaw } from './thaw.ts'
import { partitionsUnseal } from './unseal.ts'

export const partitionsGroup: Group = {
  name: 'partitions',
  summary: 'leaves of partitioned tables',
  commands: [
    partitionsCreate,
    partitionsList,
    partitionsSeal,
    partitionsUnseal,
    partitionsArchive,
    partitionsThaw,
    partitionsDrop,
  ],
}
