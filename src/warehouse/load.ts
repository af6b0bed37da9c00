import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { DwhError } from '../errors.ts'
import { type Mistake, type Path, YamlText } from './document.ts'
import { expectation, explain, type Finding } from './explain.ts'
import { fileForPeople } from './files.ts'
import { crossCheck } from './rules.ts'
import { type DatasetFile, type WarehouseFile, warehouseSchema } from './schema.ts'

/** A dataset with its name. */
export interface Dataset extends DatasetFile {
  name: string
}

/** A warehouse file, read and checked, with its folders as absolute paths. */
export interface Warehouse extends Omit<WarehouseFile, 'datasets' | 'migrations' | 'sql'> {
  /** Absolute path of the file. */
  path: string
  migrationsFolder: string
  sqlFolder: string
  datasets: Dataset[]
  /** The line of each value that stands in the file, by its path such as `connection.host`: what is not here is a default. */
  lines: ReadonlyMap<string, number>
}

/** @throws DwhError CONFIG_MISSING, or CONFIG_INVALID with every mistake and where it stands */
export function loadWarehouse(path: string): Warehouse {
  const read = readWarehouse(path)
  if ('mistakes' in read) throw mistakesError(path, read.mistakes)
  return read.warehouse
}

/**
 * Reads and checks a warehouse file.
 *
 * @returns the warehouse, or all mistakes in the order of their lines
 * @throws DwhError CONFIG_MISSING or CONFIG_INVALID when the file itself cannot be read
 */
export function readWarehouse(path: string): { warehouse: Warehouse } | { mistakes: Mistake[] } {
  const absolute = resolve(path)
  const folder = dirname(absolute)
  const yaml = new YamlText(readText(absolute))
  if (yaml.data === undefined) return { mistakes: yaml.mistakes }

  const result = warehouseSchema.safeParse(yaml.data, { error: expectation })
  const findings = [
    ...(result.success ? [] : explain(result.error, yaml.data)),
    ...crossCheck(yaml.data, resolve(folder, sqlFolderOf(yaml.data))),
  ]
  const mistakes = [...yaml.mistakes, ...findings.map((finding) => place(finding, yaml))]
  if (!result.success || mistakes.length > 0) return { mistakes: mistakes.toSorted(byPosition) }

  const { datasets, migrations, sql, ...rest } = result.data
  return {
    warehouse: {
      ...rest,
      path: absolute,
      migrationsFolder: resolve(folder, migrations),
      sqlFolder: resolve(folder, sql),
      datasets: Object.entries(datasets).map(([name, dataset]) => ({ name, ...dataset })),
      lines: yaml.lines(),
    },
  }
}

export function mistakesError(path: string, mistakes: Mistake[]): DwhError {
  const file = fileForPeople(path)
  const lines = mistakes.map(
    ({ line, column, path, message }) => `  ${file}:${line}:${column}  ${path}${path ? ': ' : ''}${message}`,
  )
  const count = lines.length === 1 ? '1 mistake' : `${lines.length} mistakes`
  return new DwhError('CONFIG_INVALID', `${count} in ${file}\n${lines.join('\n')}`, {
    hint: 'nothing was done; correct the file and type: dwh config validate',
  })
}

function readText(path: string): string {
  let bytes: Buffer
  try {
    bytes = readFileSync(path)
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT'
    throw missing
      ? new DwhError('CONFIG_MISSING', `there is no warehouse file ${path}`, { cause })
      : new DwhError(
          'CONFIG_INVALID',
          `the warehouse file ${path} cannot be read: ${(cause as Error).message}`,
          { cause },
        )
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new DwhError('CONFIG_INVALID', `the warehouse file ${path} is not stored in UTF-8`, {
      cause,
      hint: `store it in UTF-8, such as with: iconv -f LATIN1 -t UTF-8 ${path}`,
    })
  }
}

/** Before the whole file is known to be right, for the files that it names. */
function sqlFolderOf(data: unknown): string {
  const folder = typeof data === 'object' && data !== null && 'sql' in data ? data.sql : undefined
  return typeof folder === 'string' ? folder : 'sql'
}

function place({ path, part, message }: Finding, yaml: YamlText): Mistake {
  return { ...yaml.position(path, part), path: spell(path), message }
}

/** `datasets.measure.key[1]` */
function spell(path: Path): string {
  return path
    .map((word) =>
      typeof word === 'number'
        ? `[${word}]`
        : /^\w+$/.test(String(word))
          ? `.${String(word)}`
          : `.${JSON.stringify(word)}`,
    )
    .join('')
    .replace(/^\./, '')
}

function byPosition(one: Mistake, other: Mistake): number {
  return one.line - other.line || one.column - other.column
}
