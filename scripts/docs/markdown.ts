/** A table of Markdown; nothing without rows. Cells may hold Markdown of their own. */
export function markdownTable(titles: string[], rows: string[][]): string {
  if (rows.length === 0) return ''
  const line = (cells: string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return `${[titles, titles.map(() => '---'), ...rows].map(line).join('\n')}\n`
}

/** A block that shows what is typed at a shell. */
export function consoleBlock(lines: string[]): string {
  return `\`\`\`console\n${lines.map((line) => `$ ${line}\n`).join('')}\`\`\`\n`
}

export const code = (text: string) => `\`${text}\``

/** Plain words, in which Markdown would take `<name>` for a tag. */
export const prose = (text: string) => text.replaceAll('<', '\\<')

/** `migrate up` → `Migrate up`, with a full stop at the end. */
export function sentence(text: string): string {
  return prose(`${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`)
}
