import type { Product } from './products.ts'

/** A zip of one station that an index names. */
export interface Edition {
  name: string
  /** Without zeros in front. */
  station: number
  /** 2 of the historical files, which win, and 1 of the recent ones. */
  rank: 1 | 2
  /** First and last day of a historical one, like 20231231, as its name says. */
  from: number | undefined
  to: number | undefined
  /** Date and size as the index tells them: what changes when the file does. */
  listed: string
}

/** What the index of a folder of the archive names. */
export interface IndexPage {
  editions: Edition[]
  /** Name of the list of stations. */
  stations: string | undefined
}

/**
 * Reads the page that a web server makes of a folder. Only names that look exactly like those of the archive count: they
 * become names of files on this disk.
 */
export function readIndexPage(html: string, { code }: Product): IndexPage {
  const page: IndexPage = { editions: [], stations: undefined }
  const links = [...html.matchAll(/<a\s[^>]*?href="([^"/?]+)"[^>]*>[^<]*<\/a>/gi)]
  for (const [number, link] of links.entries()) {
    const name = link[1] as string
    // Behind the name, some servers in cells of a table, stand its date and its size.
    const behind = html
      .slice(link.index + link[0].length, links[number + 1]?.index)
      .split(/<hr|<\/pre|<\/table/i)[0]
    const listed = (behind ?? '')
      .replace(/<[^<>]*>/g, ' ')
      .replace(/\s+/g, ' ')
      .trim()
    if (name === `${code}_Stundenwerte_Beschreibung_Stationen.txt`) page.stations = name
    const edition = editionOf(name, code, listed)
    if (edition) page.editions.push(edition)
  }
  return page
}

const nameOfZip = /^stundenwerte_([A-Z0-9]{1,2})_(\d{5})_(?:akt|(\d{8})_(\d{8})_hist)\.zip$/

function editionOf(name: string, code: string, listed: string): Edition | undefined {
  const [, product, station, from, to] = nameOfZip.exec(name) ?? []
  if (product !== code || station === undefined) return undefined
  return {
    name,
    station: Number(station),
    rank: from === undefined ? 1 : 2,
    from: from === undefined ? undefined : Number(from),
    to: to === undefined ? undefined : Number(to),
    listed,
  }
}
