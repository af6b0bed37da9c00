import { isAbsolute, join, normalize } from 'node:path'
import { parseRelation, relation, shown } from '../postgres/identifiers.ts'
import type { Path } from './document.ts'
import type { Finding } from './explain.ts'
import { lookAt } from './files.ts'
import { wrongCommand } from './job-command.ts'
import { didYouMean } from './nearest.ts'

/**
 * The mistakes that no part of the file shows by itself: names that name nothing, columns that are not declared, files
 * that are not there. They are looked for in what the file says, not in what the schema made of it, so that they are
 * told together with the schema's own.
 */
export function crossCheck(data: unknown, sqlFolder: string): Finding[] {
  const file = mapping(data)
  const datasets = mapping(file.datasets)
  const jobs = mapping(mapping(file.schedule).jobs)
  return [
    ...Object.entries(datasets).flatMap(([name, dataset]) => [
      ...undeclaredColumns(name, mapping(dataset)),
      ...missingSibling(name, mapping(dataset), Object.keys(datasets)),
      ...missingConnections(name, mapping(dataset), Object.keys(mapping(file.connections))),
      ...missingFiles(name, mapping(dataset), sqlFolder),
      ...unaskedValues(name, mapping(dataset)),
      ...wrongOrder('dataset', ['datasets'], name, datasets),
    ]),
    ...sharedTargets(datasets),
    ...Object.entries(jobs).flatMap(([name, job]) => [
      ...wrongCommands(name, mapping(job)),
      ...wrongOrder('job', ['schedule', 'jobs'], name, jobs),
    ]),
  ]
}

type Mapping = Record<string, unknown>

/** Every column that a dataset speaks of is one that it declares, where it declares any. */
function undeclaredColumns(name: string, dataset: Mapping): Finding[] {
  const declared = Object.keys(mapping(dataset.columns))
  if (declared.length === 0) return []
  const spoken: [Path, 'key' | 'value', string][] = [
    ...namesAt(['key'], dataset.key),
    ...namesAt(['recency'], dataset.recency),
    ...namesAt(['freshness'], dataset.freshness),
    ...namesAt(['partition', 'key'], mapping(dataset.partition).key),
    ...namesAt(['compression', 'columns'], mapping(dataset.compression).columns),
    ...keysAt('map', dataset.map),
    ...keysAt('references', dataset.references),
    ...Object.entries(mapping(dataset.sources)).flatMap(([source, fields]) =>
      keysAt('map', mapping(fields).map).map(([path, ...rest]): [Path, 'key', string] => [
        ['sources', source, ...path],
        ...rest,
      ]),
    ),
  ]
  return spoken
    .filter(([, , column]) => column !== '' && !declared.includes(column))
    .map(([path, part, column]) => ({
      path: ['datasets', name, ...path],
      part,
      message: `${JSON.stringify(column)} is none of the columns of ${name}${didYouMean(column, declared)}`,
    }))
}

function namesAt(path: Path, names: unknown): [Path, 'value', string][] {
  if (typeof names === 'string') return [[path, 'value', names]]
  if (!Array.isArray(names)) return []
  return names.flatMap((name, index) => (typeof name === 'string' ? [[[...path, index], 'value', name]] : []))
}

function keysAt(field: string, entries: unknown): [Path, 'key', string][] {
  return Object.keys(mapping(entries)).map((key) => [[field, key], 'key', key])
}

function missingSibling(name: string, dataset: Mapping, datasets: string[]): Finding[] {
  const sibling = mapping(dataset.thresholds).align_with
  if (typeof sibling !== 'string' || (sibling !== name && datasets.includes(sibling))) return []
  const others = datasets.filter((other) => other !== name)
  const message = `${JSON.stringify(sibling)} is no other dataset of this file${didYouMean(sibling, others)}`
  return [{ path: ['datasets', name, 'thresholds', 'align_with'], part: 'value', message }]
}

/** What a dataset, or a job, comes after is another one, which does not come after it in turn. */
function wrongOrder(kind: 'dataset' | 'job', place: Path, name: string, all: Mapping): Finding[] {
  const others = Object.keys(all).filter((other) => other !== name)
  return namesAt(['after'], mapping(all[name]).after).flatMap(([path, part, before]): Finding[] => {
    const finding = (message: string) => [{ path: [...place, name, ...path], part, message }]
    const text = JSON.stringify(before)
    if (!others.includes(before))
      return finding(`${text} is no other ${kind} of this file${didYouMean(before, others)}`)
    return comesAfter(before, name, all) ? finding(`${text} comes after ${name} itself`) : []
  })
}

function comesAfter(name: string, other: string, all: Mapping, seen = new Set<string>()): boolean {
  if (name === other) return true
  if (seen.has(name)) return false
  seen.add(name)
  const before = namesAt([], mapping(all[name]).after).map(([, , one]) => one)
  return before.some((one) => comesAfter(one, other, all, seen))
}

/** What a job runs is a command that there is: one that is not would be found out at night. */
function wrongCommands(name: string, job: Mapping): Finding[] {
  return namesAt(['run'], job.run).flatMap(([path, part, text]) => {
    const message = wrongCommand(text)
    return message === undefined ? [] : [{ path: ['schedule', 'jobs', name, ...path], part, message }]
  })
}

function missingConnections(name: string, dataset: Mapping, connections: string[]): Finding[] {
  return Object.entries(mapping(dataset.sources)).flatMap(([source, fields]): Finding[] => {
    const { kind, connection } = mapping(fields)
    if (kind !== 'postgres' || typeof connection !== 'string' || connections.includes(connection)) return []
    const message = `${JSON.stringify(connection)} is none of \`connections\`${didYouMean(connection, connections)}`
    return [{ path: ['datasets', name, 'sources', source, 'connection'], part: 'value', message }]
  })
}

/** Values that no template is filled in with would ask for the same once for each of them. */
function unaskedValues(name: string, dataset: Mapping): Finding[] {
  return Object.entries(mapping(dataset.sources)).flatMap(([source, fields]): Finding[] => {
    const { for_each, url, query, body, headers } = mapping(fields)
    const { parameter } = mapping(for_each)
    if (typeof parameter !== 'string') return []
    if (JSON.stringify([url, query, body, headers]).includes(`{${parameter}}`)) return []
    const message = `nothing is filled in with {${parameter}}: put it into the url, the query, the body or the headers`
    return [{ path: ['datasets', name, 'sources', source, 'for_each', 'parameter'], part: 'value', message }]
  })
}

/** Every file of SQL that checks and sources name is there. */
function missingFiles(name: string, dataset: Mapping, sqlFolder: string): Finding[] {
  const named = (field: string, attribute: string): [Path, unknown][] =>
    Object.entries(mapping(dataset[field])).map(([one, fields]) => [
      [field, one, attribute],
      mapping(fields)[attribute],
    ])
  const lists = Object.entries(mapping(dataset.sources)).flatMap(([source, fields]): [Path, unknown][] => {
    const { sql } = mapping(mapping(fields).for_each)
    // A query has blanks between its words, the name of a file has none.
    return typeof sql === 'string' && /\s/.test(sql) ? [] : [[['sources', source, 'for_each', 'sql'], sql]]
  })
  const files = [...named('checks', 'sql'), ...named('sources', 'query'), ...lists]
  return files.flatMap(([path, file]): Finding[] => {
    // A GraphQL source may hold its query itself, and the parameters of an HTTP source are called `query` too.
    if (typeof file !== 'string' || file === '' || file.includes('{') || isFileIn(sqlFolder, file)) return []
    const message = `there is no file ${JSON.stringify(file)} in the sql folder ${sqlFolder}`
    return [{ path: ['datasets', name, ...path], part: 'value', message }]
  })
}

function isFileIn(folder: string, file: string): boolean {
  const leaves = isAbsolute(file) || normalize(file).startsWith('..')
  return !leaves && lookAt(join(folder, file))?.isFile() === true
}

/** Two datasets that write one table would undo each other. */
function sharedTargets(datasets: Mapping): Finding[] {
  const first = new Map<string, string>()
  return Object.entries(datasets).flatMap(([name, dataset]): Finding[] => {
    const target = readTarget(mapping(dataset).target)
    if (!target) return []
    const before = first.get(relation(target))
    if (before === undefined) {
      first.set(relation(target), name)
      return []
    }
    const message = `${shown(target)} is the target of ${before} already`
    return [{ path: ['datasets', name, 'target'], part: 'value', message }]
  })
}

function readTarget(text: unknown) {
  try {
    return typeof text === 'string' ? parseRelation(text) : undefined
  } catch {
    // Not a table name: the schema says so.
    return undefined
  }
}

function mapping(value: unknown): Mapping {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Mapping) : {}
}
