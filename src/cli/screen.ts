import { stripVTControlCharacters } from 'node:util'
import { textWidth } from '../text-width.ts'

/** What a frame may fill. */
export interface ScreenSize {
  columns: number
  rows: number
}

const enter = '\x1b[?1049h\x1b[?25l\x1b[?7l'
const leave = '\x1b[?7h\x1b[?25h\x1b[?1049l'
/** Terminals that know it show a frame only when it is whole (https://contour-terminal.org/vt-extensions/synchronized-output/). */
const frame = { begin: '\x1b[?2026h\x1b[H', end: '\x1b[?2026l' }

/**
 * The whole terminal, held with `using`: what stood there comes back when it is left, also by an error, a signal that ends the
 * process, and process.exit. What is typed is not shown; `q` and Ctrl-C are told.
 */
export class Screen implements Disposable {
  readonly #output: NodeJS.WriteStream
  readonly #input: NodeJS.ReadStream
  readonly #quit: () => void
  #drawn: () => string[] = () => []
  #open = true

  /** @param quit is called when `q` is typed */
  constructor(quit: () => void, output = process.stdout, input = process.stdin) {
    this.#output = output
    this.#input = input
    this.#quit = quit
    output.write(enter)
    output.on('resize', this.#redraw)
    process.on('exit', this.#restore)
    // An error that nobody catches is told on the terminal as it was.
    process.on('uncaughtExceptionMonitor', this.#restore)
    if (input.isTTY) {
      input.setRawMode(true)
      input.on('data', this.#typed)
      input.resume()
    }
  }

  get size(): ScreenSize {
    return { columns: this.#output.columns || 80, rows: this.#output.rows || 24 }
  }

  /**
   * Draws a frame in one write, over the one before: nothing is cleared first, so that nothing flickers.
   *
   * @param lines is asked again when the terminal gets another size; no line may be wider than it
   */
  draw(lines: () => string[]): void {
    this.#drawn = lines
    this.#redraw()
  }

  readonly #redraw = () => {
    const { columns, rows } = this.size
    const lines = this.#drawn().slice(0, rows)
    // Behind a character in the last column the cursor still stands on it, and to clear the rest would clear that.
    const painted = lines.map((line) =>
      textWidth(stripVTControlCharacters(line)) < columns ? `${line}\x1b[0m\x1b[K` : `${line}\x1b[0m`,
    )
    const rest = lines.length < rows ? '\r\n\x1b[J' : ''
    this.#output.write(`${frame.begin}${painted.join('\r\n')}${rest}${frame.end}`)
  }

  // In raw mode the terminal makes no signal of Ctrl-C.
  readonly #typed = (data: Buffer) => {
    const keys = data.toString('latin1')
    if (keys.includes('\x03')) process.kill(process.pid, 'SIGINT')
    else if (/[qQ]/.test(keys)) this.#quit()
  }

  readonly #restore = () => {
    if (!this.#open) return
    this.#open = false
    if (this.#input.isTTY) this.#input.setRawMode(false)
    this.#output.write(leave)
  };

  [Symbol.dispose](): void {
    this.#restore()
    this.#output.off('resize', this.#redraw)
    process.off('exit', this.#restore)
    process.off('uncaughtExceptionMonitor', this.#restore)
    this.#input.off('data', this.#typed)
    this.#input.pause()
  }
}
