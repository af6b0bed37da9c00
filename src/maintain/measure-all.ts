import { toDwhError } from '../errors.ts'

/**
 * What one statement measures of many relations: to ask for each by itself would take longer than to measure it. One that has gone
 * meanwhile, or is locked, is no reason to know nothing of the others; what cannot be measured now is left out.
 */
export async function measureAll<Measured>(
  oids: number[],
  measure: (oids: number[]) => Promise<Measured[]>,
): Promise<Measured[]> {
  try {
    return await measure(oids)
  } catch (error) {
    const { code } = toDwhError(error)
    if (code === 'PRIVILEGE_MISSING') return []
    if (code !== 'SQL_FAILED' && code !== 'LOCK_HELD') throw error
    if (oids.length < 2) return []
    const half = Math.ceil(oids.length / 2)
    return [
      ...(await measureAll(oids.slice(0, half), measure)),
      ...(await measureAll(oids.slice(half), measure)),
    ]
  }
}
