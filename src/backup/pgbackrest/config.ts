import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { DwhError } from '../../errors.ts'
import type { Work } from '../../events.ts'
import { writeOwned } from '../../postgres/server/folder.ts'
import type { Cluster } from './cluster.ts'
import { makeRepository, type Repository } from './repository.ts'

const mark = '# Written by dwh backup create'

/**
 * Makes sure that a configuration is there that leads pgBackRest from this server into this repository: ours is written, anew
 * where something has changed; a user's own is read and never written.
 *
 * @param jobs processes that compress and copy
 * @throws DwhError CONFIG_INVALID with everything that is wrong in a user's own
 */
export function ensureConfig(repository: Repository, cluster: Cluster, jobs: number, work: Work): void {
  if (!repository.ours) {
    checkConfig(repository, cluster, work)
    return
  }
  makeRepository(repository, cluster.account)
  const wanted = renderConfig(repository, cluster, jobs)
  const found = existsSync(repository.config) ? readFileSync(repository.config, 'utf8') : undefined
  if (found === wanted) return
  if (found !== undefined && !found.startsWith(mark))
    throw new DwhError('CONFIG_INVALID', `${repository.config} was not written by dwh, and is left alone`, {
      hint: 'name it in backup.pgbackrest.config to have it used, or move it away',
    })
  writeOwned(repository.config, wanted, cluster.account)
}

function renderConfig({ stanza, folder }: Repository, cluster: Cluster, jobs: number): string {
  const { data, port, socketFolder, role, database } = cluster
  const settings = {
    global: {
      'repo1-path': folder,
      // Nothing ever goes by itself: that is a decision.
      'repo1-retention-full': 9999999,
      // A leaf is a dozen files, most of them small.
      'repo1-bundle': 'y',
      'lock-path': join(folder, 'lock'),
      'log-path': join(folder, 'log'),
      'log-level-file': 'detail',
      'compress-type': 'zst',
      'process-max': jobs,
      'start-fast': 'y',
    },
    [stanza]: {
      'pg1-path': data,
      'pg1-port': port,
      'pg1-socket-path': socketFolder,
      'pg1-user': role,
      'pg1-database': database,
    },
  }
  const sections = Object.entries(settings).map(([section, values]) => {
    const lines = Object.entries(values).map(([name, value]) => `${name}=${oneLine(name, value)}\n`)
    return `\n[${section}]\n${lines.join('')}`
  })
  const advice = '# Another of your own: backup.pgbackrest.config in the warehouse file.'
  return `${mark}, which writes it anew: what is changed here does not last.\n${advice}\n${sections.join('')}`
}

/** The format knows no quotes: a value is the rest of its line. */
function oneLine(name: string, value: string | number): string {
  if (!/[\r\n]|^\s|\s$/.test(String(value))) return String(value)
  throw new DwhError('CONFIG_INVALID', `pgBackRest cannot be told ${name}: ${JSON.stringify(value)}`, {
    hint: 'its configuration takes no line breaks, and no spaces around a value',
  })
}

/** The values of a configuration that count for a stanza, the specific ones last: `[global]`, `[stanza]`, with `:command` or without. */
function readConfig(text: string, stanza: string): { stanzas: string[]; values: Map<string, string> } {
  const sections = new Map<string, [string, string][]>()
  let section = ''
  for (const line of text.split('\n')) {
    const [, head] = /^\[(.+)\]\s*$/.exec(line) ?? []
    if (head !== undefined) section = head
    const [, name, value = ''] = /^([\w-]+)\s*=\s*(.*?)\s*$/.exec(line) ?? []
    if (name) sections.set(section, [...(sections.get(section) ?? []), [name, value]])
    else if (!sections.has(section)) sections.set(section, [])
  }
  const stanzas = [...sections.keys()].filter(
    (name) => !/^(global(:.*)?|)$/.test(name) && !name.includes(':'),
  )
  const values = new Map([...(sections.get('global') ?? []), ...(sections.get(stanza) ?? [])])
  return { stanzas, values }
}

/** What a repository's configuration says; nothing where there is none. */
export function configured({ config, stanza }: Repository): Map<string, string> {
  return existsSync(config) ? readConfig(readFileSync(config, 'utf8'), stanza).values : new Map()
}

function checkConfig({ config, stanza, folder }: Repository, cluster: Cluster, work: Work): void {
  if (!existsSync(config))
    throw new DwhError('CONFIG_INVALID', `there is no file ${config}`, {
      hint: 'without backup.pgbackrest.config dwh writes one itself',
    })
  const { stanzas, values } = readConfig(readFileSync(config, 'utf8'), stanza)
  const wrong = stanzas.includes(stanza)
    ? [...wrongServer(values, cluster), ...wrongRepository(values, folder)]
    : [`it has no section [${stanza}], only: ${stanzas.join(', ') || 'none'}`]
  if (wrong.length > 0)
    throw new DwhError('CONFIG_INVALID', `${config} does not fit: ${wrong.join('; ')}`, {
      hint: 'mend it there, or backup.pgbackrest in the warehouse file; dwh never writes that file',
    })
  const secret = [...values.keys()].find((name) => /-(cipher-pass|key|key-secret|token)$/.test(name))
  if (secret && (statSync(config).mode & 0o004) !== 0)
    work.emit({ type: 'warning', message: `everybody may read ${config}, which holds ${secret}: chmod o-r` })
}

function wrongServer(values: Map<string, string>, { data, port }: Cluster): string[] {
  const paths = [...values].filter(([name]) => /^pg\d*-path$/.test(name))
  const own = paths.find(([, path]) => samePath(path, data))
  if (!own) {
    const found = paths.map(([name, path]) => `${name}=${path}`).join(', ') || 'no pg1-path'
    return [`the data of the server lies in ${data}, and it has ${found}`]
  }
  const prefix = own[0].replace(/path$/, '')
  const host = values.get(`${prefix}host`)
  const told = values.get(`${prefix}port`) ?? '5432'
  return [
    ...(host ? [`${prefix}host=${host}: dwh runs pgBackRest on the machine of the server only`] : []),
    ...(Number(told) === port ? [] : [`the port of the server is ${port}, and its ${prefix}port is ${told}`]),
  ]
}

function wrongRepository(values: Map<string, string>, folder: string): string[] {
  // Of another machine, whose own configuration says where it lies.
  if ([...values.keys()].some((name) => /^repo\d*-host$/.test(name))) return []
  const paths = [...values].filter(([name]) => /^repo\d*-path$/.test(name))
  if (paths.length === 0) paths.push(['repo1-path', '/var/lib/pgbackrest'])
  if (paths.some(([, path]) => samePath(path, folder))) return []
  const found = paths.map(([name, path]) => `${name}=${path}`).join(', ')
  return [`backup.pgbackrest.repository is ${folder}, and it has ${found}`]
}

function samePath(one: string, other: string): boolean {
  const canonical = (path: string) => (existsSync(path) ? realpathSync(path) : path)
  return canonical(one) === canonical(other)
}
