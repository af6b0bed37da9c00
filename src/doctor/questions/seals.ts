import { readSeals, type Seal } from '../../ledger/seals.ts'
import { sealCommand } from '../../partitions/sealed.ts'
import { shown } from '../../postgres/identifiers.ts'
import { byCommand, named, no, warning, yes } from '../answer.ts'
import type { Question } from '../question.ts'

export const seals: Question = {
  id: 'seals',
  ask: 'Does every seal hold?',
  async answer({ session }) {
    const all = await readSeals(session)
    if (all.length === 0) return yes('no leaf is sealed')
    const broken = all.filter(({ state }) => state === 'void')
    if (broken.length === 0) return yes(`${all.length} ${all.length === 1 ? 'leaf is' : 'leaves are'} sealed`)
    const finding = named(broken.map(({ name, why }) => `${shown(name)}: ${why}`))
    const leaves = broken.filter(({ isLeaf }) => isLeaf)
    const mend = byCommand(
      [
        ...commands('seal', leaves),
        ...commands(
          'unseal',
          broken.filter(({ isLeaf }) => !isLeaf),
        ),
      ].join('\n'),
    )
    // Who drops a leaf, or takes it out of its table, has most likely meant it.
    return leaves.length > 0 ? no(finding, mend) : warning(finding, mend)
  },
}

/** One a dataset. */
function commands(verb: 'seal' | 'unseal', some: Seal[]): string[] {
  return [...Map.groupBy(some, ({ dataset }) => dataset)].map(([dataset, own]) =>
    sealCommand(
      verb,
      dataset,
      own.map(({ name }) => name),
    ),
  )
}
