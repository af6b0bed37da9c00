import { DwhError } from '../errors.ts'
import { createLeaves, isPartitioned, planDatasetLeaves } from '../partitions/create.ts'
import { runwayDays } from '../partitions/plan.ts'
import { inspectTarget, serverToday } from '../partitions/tree.ts'
import { shown } from '../postgres/identifiers.ts'
import { idle, planEach, type Scene, type Task } from './task.ts'

/** The leaves that the policies want: those to come, and the gaps. */
export async function planPartitions(scene: Scene): Promise<Task[]> {
  const { session } = scene
  const datasets = scene.datasets.filter(isPartitioned)
  return planEach(
    scene,
    'partitions',
    datasets,
    ({ name }) => name,
    async (dataset): Promise<Task> => {
      const plan = await planDatasetLeaves(session, dataset)
      if (plan.state === 'missing')
        return idle('partitions', dataset.name, `there is no table ${shown(dataset.target)} yet`, 'skipped')
      if (!plan.parent) {
        // A job that makes no leaves shall not look like one that does.
        throw new DwhError(
          'TARGET_UNFIT',
          `${shown(dataset.target)} is a plain table, which can have no leaves`,
          {
            hint: 'dwh setup makes a partitioned table of it',
          },
        )
      }
      if (plan.leaves.length === 0) return idle('partitions', dataset.name, 'no leaf is missing')
      const names = plan.leaves.map(({ name }) => name).join(', ')
      return {
        name: 'partitions',
        subject: dataset.name,
        plan: `create ${names}`,
        anytime: true,
        async run({ session, work }) {
          const created = await createLeaves(session, work, await planDatasetLeaves(session, dataset))
          const target = await inspectTarget(session, dataset.target, dataset.partition)
          const leaves = target.kind === 'partitioned' ? target.leaves : []
          const today = await serverToday(session, dataset.partition.zone)
          const after = {
            created: created.map(shown),
            runway_days: runwayDays(dataset.partition, leaves, today) ?? null,
          }
          if (created.length === 0)
            return { outcome: 'nothing', reason: 'another run has made them meanwhile', after }
          return { outcome: 'done', reason: `created ${created.map(({ name }) => name).join(', ')}`, after }
        },
      }
    },
  )
}
