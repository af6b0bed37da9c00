/** A question answered. `ok` is undefined where it cannot be known, such as the disk of a server elsewhere. */
export interface Answer {
  id: string
  question: string
  ok: boolean | undefined
  finding: string
  /** The SQL or the command that mends it, where something is wrong. */
  mend: string | undefined
}

export function yes(id: string, question: string, finding: string): Answer {
  return { id, question, ok: true, finding, mend: undefined }
}

export function no(id: string, question: string, finding: string, mend: string): Answer {
  return { id, question, ok: false, finding, mend }
}

export function unknown(id: string, question: string, finding: string): Answer {
  return { id, question, ok: undefined, finding, mend: undefined }
}
