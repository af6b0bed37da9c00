/**
 * The slot of the schedule that this process works for, with the epoch of its lease: DWH_SLOT, as `12/1`, which its daemon has
 * set. Undefined where a person or another program has started it.
 */
export function slotOfEnvironment(): { slot: number; epoch: number } | undefined {
  const [, slot, epoch] = /^(\d+)\/(\d+)$/.exec(process.env.DWH_SLOT ?? '') ?? []
  return slot === undefined ? undefined : { slot: Number(slot), epoch: Number(epoch) }
}
