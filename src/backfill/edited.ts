import { DwhError } from '../errors.ts'
import type { Chunk } from '../ledger/chunks.ts'
import { Territory } from '../load/publish/territory.ts'
import type { Warehouse } from '../warehouse/load.ts'
import { chunkName, windowOf } from './chunk-work.ts'
import { codeOf, sourceOf } from './code.ts'

/**
 * The warehouse file says something else about a chunk than when it was loaded, and its rows may be others by it. Where its proof
 * tells which rows it had, only another condition makes them others: a source may move.
 *
 * @throws DwhError CONFIG_INVALID for a dataset or a source that the warehouse file does not have any more
 */
export function isEdited(warehouse: Warehouse, chunk: Chunk): boolean {
  if (codeOf(warehouse, chunk.dataset, chunk.source) === chunk.code) return false
  return chunk.proof?.condition === undefined || chunk.proof.condition !== conditionOf(warehouse, chunk)
}

/** SQL, true for the rows of a chunk by the warehouse file as it is; undefined where its scope asks for another parameter by now. */
function conditionOf(warehouse: Warehouse, chunk: Chunk): string | undefined {
  const { dataset } = sourceOf(warehouse, chunk.dataset, chunk.source)
  try {
    return new Territory(dataset, chunk.parameters, dataset.partition && windowOf(chunk)).condition
  } catch {
    return undefined
  }
}

/**
 * Rows are exchanged by the scope and the window that they had, or not at all.
 *
 * @throws DwhError CONFIG_INVALID
 */
export function requireAsLoaded(warehouse: Warehouse, chunks: Chunk[]): void {
  const edited = chunks.find((chunk) => isEdited(warehouse, chunk))
  if (!edited) return
  const { dataset, source, backfill, window_from: from, window_to: to, parameters } = edited
  const given = Object.entries(parameters).map(([name, value]) => ` --param ${name}=${value}`)
  const days = from === null ? '' : ` --from ${from} --to ${to}`
  const again =
    edited.state === 'quarantined'
      ? `dwh backfill retry ${backfill} --quarantined`
      : `dwh backfill run --dataset ${dataset} --source ${source}${days}${given.join('')} --force`
  throw new DwhError(
    'CONFIG_INVALID',
    `${warehouse.path} says something else about ${dataset}/${source} than when ${chunkName(edited)} was loaded: which rows are its own cannot be told; nothing was changed`,
    {
      hint: `put \`scope\`, \`partition\` and the source back as they were, and type the same command once more; or load the window by the file as it is: ${again}`,
    },
  )
}
