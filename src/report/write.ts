import { mkdir, open, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { DwhError } from '../errors.ts'
import type { ReportFacts } from './facts.ts'
import { renderPage } from './html/page.ts'
import { renderMarkdown } from './markdown.ts'

/** A report as text, by the names of formats, which are the endings of files too. */
export const renderings = {
  html: renderPage,
  md: renderMarkdown,
  json: (facts: ReportFacts) => `${JSON.stringify(facts, null, 2)}\n`,
}

export type ReportFormat = keyof typeof renderings

/**
 * Writes a file of a report; whoever reads it while it is written sees the old one.
 *
 * @throws DwhError DISK_FULL, FAILED; an older file stays as it was
 */
export async function writeReport(path: string, text: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true })
    {
      await using file = await open(`${path}.new`, 'w')
      await file.writeFile(text)
      await file.sync()
    }
    await rename(`${path}.new`, path)
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    const isFull = code === 'ENOSPC' || code === 'EDQUOT'
    throw new DwhError(isFull ? 'DISK_FULL' : 'FAILED', `${path} cannot be written: ${message}`, {
      cause,
      hint: isFull
        ? 'free some room, and run the same command again'
        : 'name a folder that may be written to',
    })
  }
}
