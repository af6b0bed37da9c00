import type { Api, Asked, Reply } from '../api-server.ts'

/** A row, with the day that windows are asked by. */
export type Row = Record<string, unknown>

export interface HubeauOptions {
  /** All rows of an endpoint that a question asks for, in order; `from` and `to` are days, both included. */
  rows(path: string, question: { from: string; to: string; parameters: URLSearchParams }): Row[]
  /** Product of page and size beyond which it refuses; 20,000 as documented. */
  depth?: number
  /** Rows a page unless asked otherwise. */
  size?: number
}

/** Names of the parameters that cut windows, by endpoint. */
const dates: Record<string, [from: string, to: string]> = {
  '/api/v1/niveaux_nappes/chroniques': ['date_debut_mesure', 'date_fin_mesure'],
  '/api/v1/temperature/chronique': ['date_debut_mesure', 'date_fin_mesure'],
  '/api/v2/qualite_rivieres/analyse_pc': ['date_debut_prelevement', 'date_fin_prelevement'],
  '/api/v2/hydrometrie/observations_tr': ['date_debut_obs', 'date_fin_obs'],
  '/api/v2/hydrometrie/obs_elab': ['date_debut_obs_elab', 'date_fin_obs_elab'],
}

/**
 * Hub'Eau as its documents and its answers say: an envelope of count, first, last, prev, next and data; 206 as long as not all
 * rows are in one answer, the last page included; `next` alone tells the end, and may point beyond the depth; cursors without
 * `last` and without depth for hydrometry.
 */
export function hubeau({ rows, depth = 20_000, size: standard = 5000 }: HubeauOptions): Api {
  return (asked) => {
    const { pathname, searchParams } = asked.url
    const names = dates[pathname]
    if (!names) return undefined
    const [from, to] = names.map((name) => searchParams.get(name))
    const question = { from: from ?? '0000-01-01', to: to ?? '9999-12-31', parameters: searchParams }
    const found = rows(pathname, question)
    const size = Number(searchParams.get('size') ?? standard)
    return pathname.includes('/hydrometrie/')
      ? cursorPage(asked, found, size)
      : numberedPage(asked, found, size, depth)
  }
}

function numberedPage(asked: Asked, found: Row[], size: number, depth: number): Reply {
  const page = Number(asked.url.searchParams.get('page') ?? 1)
  if (page * size > depth) return tooDeep(depth)
  const pages = Math.max(1, Math.ceil(found.length / size))
  const link = (number: number) =>
    number < 1 || number > pages ? null : linkTo(asked, 'page', String(number), size)
  const data = found.slice((page - 1) * size, page * size)
  return envelope(found.length, data, {
    first: link(1),
    last: page === pages ? null : link(pages),
    prev: link(page - 1),
    next: link(page + 1),
    api_version: '1.0.1',
  })
}

function cursorPage(asked: Asked, found: Row[], size: number): Reply {
  const cursor = asked.url.searchParams.get('cursor') ?? ''
  const start = cursor === '' ? 0 : Number(Buffer.from(cursor, 'base64').toString())
  const end = start + size
  const next =
    end < found.length ? linkTo(asked, 'cursor', Buffer.from(String(end)).toString('base64'), size) : null
  const first = linkTo(asked, 'cursor', '', size)
  return envelope(found.length, found.slice(start, end), { first, prev: null, next, api_version: '2.0.1' })
}

function envelope(count: number, data: Row[], links: Record<string, unknown>): Reply {
  return { status: data.length === count ? 200 : 206, body: { count, ...links, data } }
}

function linkTo(asked: Asked, name: string, value: string, size: number): string {
  const url = new URL(asked.url)
  url.searchParams.set(name, value)
  url.searchParams.set('size', String(size))
  return url.href
}

function tooDeep(depth: number): Reply {
  const message = `please refine your query. The multiplication of \`page\` * \`size\` parameters can not be more than ${depth}`
  return {
    status: 400,
    body: {
      code: 'InvalidRequest',
      message: 'Invalid request',
      field_errors: [{ code: 'ValidatePageDepth', message, field: 'page' }],
    },
  }
}

/** What it answers when it is overloaded. */
export const internalError: Reply = {
  status: 500,
  body: { code: 'Internal server error', message: '', field_errors: null },
}

/** Measures of one station, so many a day, of the days from one to another. */
export function chronicle(from: string, days: number, perDay = 1, station = '00387X0184/S1'): Row[] {
  const start = Date.parse(`${from}T00:00:00Z`)
  return Array.from({ length: days * perDay }, (_, index) =>
    level({ station, time: start + (index * 86_400_000) / perDay, level: 100 + (index % 700) / 100 }),
  )
}

/** One measure of the chronicles, as it is delivered. */
export function level(measure: { station: string; time: number; level: number; depth?: number }): Row {
  const { station, time, depth = 12.5 } = measure
  return {
    code_bss: station,
    urn_bss: `http://services.ades.eaufrance.fr/pointeau/${station}`,
    date_mesure: new Date(time).toISOString().slice(0, 10),
    timestamp_mesure: time,
    niveau_nappe_eau: measure.level,
    mode_obtention: 'Valeur mesurée',
    statut: 'Donnée contrôlée niveau 2',
    qualification: 'Correcte',
    code_continuite: '2',
    nom_continuite: 'Point lié au point précédent',
    code_producteur: '196',
    nom_producteur: "Service Géologique Régional de l'Île-de-France",
    code_nature_mesure: null,
    nom_nature_mesure: null,
    profondeur_nappe: depth,
  }
}

/** The rows whose day lies in a question. */
export function within(rows: Row[], { from, to }: { from: string; to: string }, day = 'date_mesure'): Row[] {
  return rows.filter((row) => String(row[day]) >= from && String(row[day]) <= to)
}

/** The rows of the stations that a question names; all where it names none. */
export function ofStations(
  rows: Row[],
  { parameters }: { parameters: URLSearchParams },
  name = 'code_bss',
): Row[] {
  const codes = parameters.get(name)?.split(',')
  return codes ? rows.filter((row) => codes.includes(String(row[name]))) : rows
}
