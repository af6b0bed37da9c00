/** What the header of an input ends with: its rows are to end in the same way where they have no end of their own. */
export function lineEndOf(header: Buffer | null): string {
  return /\r?\n$|\r$/.exec(header?.toString('latin1') ?? '')?.[0] ?? '\n'
}

/** The bytes of a row with a line end, its own or this one. */
export function endedBy(bytes: Buffer, lineEnd: string): Buffer {
  const last = bytes.at(-1)
  return last === 0x0a || last === 0x0d ? bytes : Buffer.concat([bytes, Buffer.from(lineEnd)])
}
