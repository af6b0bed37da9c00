import { maintenanceTasks } from '../warehouse/schema.ts'
import { planChecks } from './checks.ts'
import { planFreeze } from './freeze.ts'
import { planPartitions } from './partitions.ts'
import { planReindex } from './reindex.ts'
import { planReport } from './report.ts'
import { planRetention } from './retention.ts'
import { planRewrite } from './rewrite/plan.ts'
import { planEach, type Scene, type Task, type TaskName } from './task.ts'
import { planVacuum } from './vacuum.ts'

/** Every task that there is. */
const planners: Record<TaskName, (scene: Scene) => Promise<Task[]>> = {
  partitions: planPartitions,
  rewrite: planRewrite,
  reindex: planReindex,
  vacuum: planVacuum,
  freeze: planFreeze,
  retention: planRetention,
  checks: planChecks,
  report: planReport,
}

export const taskNames: readonly TaskName[] = maintenanceTasks

/** What some tasks have to do now, in the order of their names; reads only. */
export async function planMaintenance(scene: Omit<Scene, 'planned'>, names: TaskName[]): Promise<Task[]> {
  const tasks: Task[] = []
  for (const name of names)
    tasks.push(
      ...(await planEach(scene, name, [scene.warehouse.name], String, () =>
        planners[name]({ ...scene, planned: tasks }),
      )),
    )
  return tasks
}
