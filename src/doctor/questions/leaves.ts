import { planDatasetLeaves } from '../../partitions/create.ts'
import { grainDays, runwayDays } from '../../partitions/plan.ts'
import { serverToday } from '../../partitions/tree.ts'
import { shown } from '../../postgres/identifiers.ts'
import { advice, byCommand, named, no, yes } from '../answer.ts'
import type { Question } from '../question.ts'

const noPolicy = 'no dataset has a policy'

export const targets: Question = {
  id: 'targets',
  ask: 'Is every table there and partitioned as its policy says?',
  async answer({ trees }) {
    const all = await trees()
    if (all.length === 0) return yes(noPolicy)
    const unfit = all.flatMap(({ unfit: error }) => error ?? [])
    const unmade = all.filter(({ target }) => target && target.kind !== 'partitioned')
    const finding = named([
      ...unfit.map(({ message }) => message.replace(/; nothing was changed$/, '')),
      ...unmade.map(({ dataset, target }) => `${shown(dataset.target)} is ${target?.kind}`),
    ])
    if (unfit.length > 0) return no(finding, advice(unfit[0]?.hint ?? ''))
    return unmade.length === 0 ? yes() : no(finding, byCommand('dwh setup'))
  },
}

export const missingLeaves: Question = {
  id: 'missing_leaves',
  ask: 'Is no leaf missing?',
  async answer({ session, trees }) {
    const missing: string[] = []
    const datasets: string[] = []
    for (const { dataset, target } of await trees()) {
      if (target?.kind !== 'partitioned') continue
      const { leaves } = await planDatasetLeaves(session, dataset)
      missing.push(...leaves.map(({ name }) => name))
      if (leaves.length > 0) datasets.push(dataset.name)
    }
    if (missing.length === 0) return yes('none is')
    return no(named(missing), byCommand(`dwh partitions create ${datasets.join(' ')}`))
  },
}

export const runway: Question = {
  id: 'runway',
  ask: 'Do the leaves reach far enough beyond today?',
  async answer({ session, trees }) {
    const reaches: string[] = []
    const short: string[] = []
    const stuck: string[] = []
    for (const { dataset, target } of await trees()) {
      const policy = dataset.partition
      if (target?.kind !== 'partitioned' || policy.premake === 0) continue
      const today = await serverToday(session, policy.zone)
      const days = runwayDays(policy, target.leaves, today) ?? 0
      const reach = `${dataset.name}: ${days} days`
      reaches.push(reach)
      if (days >= grainDays[policy.grain]) continue
      short.push(reach)
      stuck.push(dataset.name)
    }
    if (short.length > 0) return no(named(short), byCommand(`dwh partitions create ${stuck.join(' ')}`))
    return yes(reaches.length > 0 ? named(reaches) : 'no policy makes leaves by the clock')
  },
}
