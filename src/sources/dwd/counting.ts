import type { Work } from '../../events.ts'

/** A piece of work that also counts the requests made for it, tries among them, and the bytes that came. */
export function counting(work: Work): { work: Work; cost: { requests: number; bytes: number } } {
  const cost = { requests: 0, bytes: 0 }
  const emit: Work['emit'] = (event) => {
    if (event.type === 'request') {
      cost.requests++
      cost.bytes += event.bytes
    }
    work.emit(event)
  }
  return { work: { ...work, emit }, cost }
}
