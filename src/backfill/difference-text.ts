import type { Difference } from '../ledger/generations.ts'

/** `3 rows added, 1 removed, 2 changed (resultat 2, statut 1)` */
export function differenceText({ added, removed, changed, columns }: Difference): string {
  if (added + removed + changed === 0) return 'no row is another'
  const number = (value: number) => value.toLocaleString('en')
  const by = Object.entries(columns).map(([name, rows]) => `${name} ${number(rows)}`)
  const details = by.length > 0 ? ` (${by.join(', ')})` : ''
  return `${number(added)} added, ${number(removed)} removed, ${number(changed)} changed${details}`
}
