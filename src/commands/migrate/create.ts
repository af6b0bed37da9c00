import { z } from 'zod'
import { argument, command, flag } from '../../cli/command.ts'
import { createMigration } from '../../migrate/create.ts'
import { warehouseFolder } from './folders.ts'

export const migrateCreate = command({
  name: 'create',
  summary: 'write an empty migration with the next number',
  arguments: { name: argument('<name>', 'what it does, in a few words', z.string().min(1)) },
  options: { sql: flag('--sql', 'in SQL instead of TypeScript') },
  examples: ['dwh migrate create add_clients', 'dwh migrate create "index on status" --sql'],
  async run(context, { name, sql }) {
    context.print(await createMigration(warehouseFolder(context), name, sql ? 'sql' : 'ts'))
  },
})
