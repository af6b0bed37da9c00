import type { RelationName } from '../postgres/identifiers.ts'

/** Characters of a name of our own. */
const longest = 40

/** A name of our own from any text: `Fait Clés` → `fait_cles`. */
export function ownNameOf(text: string): string {
  const plain = text
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9_]+/g, '_')
    .replace(/^[^a-z]+/, '')
    .slice(0, longest)
    .replace(/_+$/, '')
  return plain === '' ? 'unnamed' : plain
}

/** A name for the dataset of each table: that of the table, with its schema where two are called alike. */
export function datasetNames(tables: RelationName[]): string[] {
  const short = tables.map(({ name }) => ownNameOf(name))
  const taken = new Set<string>()
  return tables.map(({ schema, name }, index) => {
    const alone = short.filter((other) => other === short[index]).length === 1
    const wanted = alone ? (short[index] as string) : ownNameOf(`${schema}_${name}`)
    let unique = wanted
    for (let n = 2; taken.has(unique); n++) unique = `${wanted.slice(0, longest - 1 - String(n).length)}_${n}`
    taken.add(unique)
    return unique
  })
}
