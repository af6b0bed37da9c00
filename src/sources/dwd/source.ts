import { HttpClient } from '../http/client.ts'
import type { Source, Surroundings } from '../source.ts'
import { fill } from '../window.ts'
import { Archive } from './archive.ts'
import { Locations } from './locations.ts'
import { Observations } from './observations.ts'
import { products } from './products.ts'
import type { DwdSettings } from './settings.ts'
import { Stations } from './stations.ts'

/**
 * The archive of the German weather service: hours of one product by zips of stations, the list of
 * the stations, or the places where they have stood.
 *
 * Times are taken for UTC. Before some year that differs from station to station they are local ones; the archive says so in
 * `Metadaten_Parameter_…` of each zip, and nowhere else.
 */
export async function openDwd(settings: DwdSettings, surroundings: Surroundings): Promise<Source> {
  const url = fill(settings.url, { window: undefined, parameters: asTexts(settings.parameters) })
  const archive = new Archive(
    new HttpClient(settings, surroundings),
    url,
    products[settings.product],
    surroundings.cacheFolder,
  )
  switch (settings.content) {
    case 'stations':
      return new Stations(archive, surroundings)
    case 'locations':
      return new Locations(archive, settings, surroundings)
    case 'observations':
      return new Observations(archive, settings, surroundings)
  }
}

function asTexts(parameters: DwdSettings['parameters']): Record<string, string> {
  return Object.fromEntries(Object.entries(parameters).map(([name, value]) => [name, String(value)]))
}
