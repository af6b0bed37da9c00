import type { RowSurvey } from '../../convert/rows.ts'
import { keyRule, surveyDuplicates } from '../../dedup/rule.ts'
import { readIndexes, type TableIndex } from '../../partitions/indexes.ts'
import { identList, relation, shown } from '../../postgres/identifiers.ts'
import { hasState, sqlstate } from '../../postgres/sqlstate.ts'
import type { Dataset } from '../../warehouse/load.ts'
import { advice, byCommand, bySql, type Mend, named, no, unknown, type Verdict, yes } from '../answer.ts'
import { moveHome } from '../move-home.ts'
import type { Question } from '../question.ts'
import { type Subject, type Tree, unknownLeaf } from '../subject.ts'

/** What is wrong with the rows of one dataset. */
interface Fault {
  finding: string
  mend: Mend
}

/** A table that is too large to be read in the time keeps nothing from being told of the others. */
async function askEach<T extends { dataset: Dataset }>(
  { limits }: Subject,
  items: T[],
  ask: (item: T) => Promise<Fault | undefined>,
): Promise<Verdict> {
  const faults: Fault[] = []
  const unread: string[] = []
  for (const item of items) {
    try {
      const fault = await ask(item)
      if (fault) faults.push(fault)
    } catch (error) {
      if (!hasState(error, sqlstate.queryCanceled)) throw error
      unread.push(item.dataset.name)
    }
  }
  const rest = unread.length > 0 ? [`${unread.join(', ')} not checked within ${limits.readingSeconds} s`] : []
  const finding = named([...faults.map((fault) => fault.finding), ...rest])
  if (faults.length > 0) return no(finding, joined(faults.map(({ mend }) => mend)))
  return unread.length > 0 ? unknown(finding, byCommand('dwh doctor --deep')) : yes('none')
}

/** SQL where all of it is. */
function joined(mends: Mend[]): Mend {
  const kinds = new Set(mends.map(({ kind }) => kind))
  const kind = kinds.size === 1 ? (mends[0] as Mend).kind : 'advice'
  return { kind, text: mends.map(({ text }) => text).join('\n') }
}

function wantUnknownLeaf({ name }: Dataset, rest: string): Mend {
  return advice(`set unknown: true below datasets.${name}.partition in the warehouse file, ${rest}`)
}

export const nullKeys: Question = {
  id: 'null_keys',
  ask: 'Has every row a partition key, or a leaf for rows without one?',
  async answer(subject) {
    const trees = (await subject.trees()).filter(({ dataset }) => !dataset.partition.unknown)
    return askEach(subject, trees, async (tree) => {
      const { dataset } = tree
      const survey = await subject.survey(tree)
      if (!survey || survey.nulls === 0) return undefined
      const missing = dataset.partition.key.map((column) => `${identList([column])} IS NULL`).join(' OR ')
      return {
        finding: `${shown(dataset.target)}: ${survey.nulls} rows have none`,
        mend: wantUnknownLeaf(
          dataset,
          `or mend the rows: SELECT * FROM ${relation(dataset.target)} WHERE ${missing}`,
        ),
      }
    })
  },
}

export const rowsOutside: Question = {
  id: 'rows_outside',
  ask: 'Does every row lie in the leaf of its date, or will it?',
  async answer(subject) {
    return askEach(subject, await subject.trees(), async (tree) => {
      const survey = await subject.survey(tree)
      return survey && outsideOf(subject, tree, survey)
    })
  },
}

/** Rows beyond the policy in a table that shall have no unknown leaf, and rows in the unknown leaf that need not be there. */
async function outsideOf(
  { session }: Subject,
  { dataset, target }: Tree,
  survey: RowSurvey,
): Promise<Fault | undefined> {
  const { partition: policy } = dataset
  const name = shown(dataset.target)
  const lost = survey.occupied.reduce((sum, { rows }) => sum + rows, 0)
  if (target?.kind === 'partitioned' && lost > 0) {
    const leaf = unknownLeaf(target)
    const finding = `${name}: ${lost} rows of ${survey.occupied.length} ${policy.grain}s lie in ${leaf?.name}`
    return { finding, mend: bySql(...(await moveHome(session, dataset, target, survey))) }
  }
  if (policy.unknown || survey.outside === 0) return undefined
  const examples = survey.examples.filter((key) => !/(^|, )NULL(,|$)/.test(key)).join('; ')
  return {
    finding: `${name}: ${survey.outside} rows lie outside the policy, such as ${examples}`,
    mend: wantUnknownLeaf(dataset, 'or change its `from` and `ceiling`, or mend the rows'),
  }
}

export const duplicateKeys: Question = {
  id: 'duplicate_keys',
  ask: 'Does every key stand in one row only?',
  async answer(subject) {
    const tables = new Map((await subject.tables()).map((table) => [relation(table), table.relkind]))
    const items = subject.datasets.flatMap((dataset) => {
      const relkind = tables.get(relation(dataset.target))
      return dataset.key && (relkind === 'r' || relkind === 'p')
        ? [{ dataset, isPlain: relkind === 'r' }]
        : []
    })
    return askEach(subject, items, ({ dataset, isPlain }) => duplicatesOf(subject, dataset, isPlain))
  },
}

async function duplicatesOf(
  subject: Subject,
  dataset: Dataset,
  isPlain: boolean,
): Promise<Fault | undefined> {
  const { session } = subject
  const rule = keyRule(dataset)
  const table = relation(dataset.target)
  const { oid } = await session.one<{ oid: number }>('SELECT $1::regclass::oid::int8 AS oid', [table])
  const indexes = await readIndexes(session, oid)
  if (!rule || indexes.some((index) => rulesOutDuplicates(index, dataset))) return undefined
  const { keys, rows, example } = await subject.reading(() => surveyDuplicates(session, table, rule))
  if (rows === 0) return undefined
  return {
    finding: `${shown(dataset.target)}: ${keys} keys stand in more than one row (${rows} rows too many), such as ${example}`,
    mend: setAside(dataset, isPlain),
  }
}

/** A conversion sets duplicates aside on its way. */
function setAside({ name, recency, partition }: Dataset, isPlain: boolean): Mend {
  if (!recency)
    return advice(
      `say by \`recency\` which row is the newest: datasets.${name}.recency in the warehouse file`,
    )
  return byCommand(isPlain && partition ? 'dwh setup' : `dwh dedup ${name} run`)
}

function rulesOutDuplicates(index: TableIndex, { key = [], nulls_equal }: Dataset): boolean {
  const columns = index.columns ?? []
  const sufficient = index.is_unique && index.is_plain && index.valid && !index.is_deferrable
  const nullsCount = !nulls_equal || index.is_primary || index.nulls_not_distinct
  return sufficient && nullsCount && columns.every((column) => key.includes(column))
}
