import type { Wish } from '../window.ts'
import type { Reading } from './read-page.ts'
import { readWish } from './read-window.ts'

/**
 * Reads all rows of a wish into the spool: where a parameter stands for a list of values, some of those at a time.
 *
 * @returns how many rows the API says there are, where it does
 * @throws DwhError as `readWish`, and what the list of values throws
 */
export async function readQuestions(reading: Reading, wish: Wish): Promise<number | undefined> {
  const { each, work } = reading
  if (!each) return await readWish(reading, wish)
  const questions = await each.questions(wish, work)
  const total = questions.reduce((sum, question) => sum + each.size(question), 0)
  let done = 0
  let announced: number | undefined = 0
  for (const question of questions) {
    const count = await readWish(reading, question)
    announced = announced === undefined || count === undefined ? undefined : announced + count
    done += each.size(question)
    if (total > 0) work.emit({ type: 'progress', step: 'fetch', done, total, unit: 'values' })
  }
  return announced
}
