/** Flags of `dwh load`, and where the warehouse file says the same of a source. */
const fields: [flag: RegExp, field: string][] = [
  [/--no-header\b/g, '`header: false`'],
  [/--columns ([\w, ]*\w,\w+)/g, '`columns: [$1]` in the source'],
  [/--columns\b/g, '`columns` in the source'],
  [/--encoding ([\w-]+)/g, '`encoding: $1` in the source'],
  [/--format\b/g, '`format`'],
  [/--max-rejects\b/g, '`rejects` of the thresholds of the dataset'],
]

/** What helps against an error that a file was loaded with, where no flag says how it is read. */
export function hintOfSource(hint: string): string {
  return fields.reduce((text, [flag, field]) => text.replace(flag, field), hint)
}
