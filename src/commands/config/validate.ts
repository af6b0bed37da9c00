import { command, shared } from '../../cli/command.ts'
import { plural } from '../../cli/format.ts'
import { fileForPeople } from '../../warehouse/files.ts'
import { findWarehouse } from '../../warehouse/find.ts'
import { mistakesError, readWarehouse } from '../../warehouse/load.ts'

export const validate = command({
  name: 'validate',
  summary: 'check the warehouse file',
  description:
    'Checks the warehouse file without a database: its YAML, every field, the names and files that it speaks of. All mistakes are told at once, each with file, line and column.',
  options: { json: shared.json },
  exits: { 3: 'the file has mistakes, or there is none' },
  examples: ['dwh config validate', 'dwh -w sigeti config validate --json'],
  async run(context, { json }) {
    const path = findWarehouse(context.globals.warehouse)
    const read = readWarehouse(path)
    const mistakes = 'mistakes' in read ? read.mistakes : []
    if (json) context.printJson({ path, valid: mistakes.length === 0, mistakes })
    if ('mistakes' in read) throw mistakesError(path, read.mistakes)
    if (json) return
    const { datasets, connections, schedule } = read.warehouse
    const content = [
      plural(datasets.length, 'dataset'),
      plural(Object.keys(connections).length, 'source connection'),
      plural(Object.keys(schedule.jobs).length, 'scheduled job'),
    ]
    context.print(`${fileForPeople(path)} is valid: ${content.join(', ')}`)
  },
})
