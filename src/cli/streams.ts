import { Chalk, type ChalkInstance } from 'chalk'

/** One of the two output streams with what it can show. */
export interface Stream {
  write(text: string): void
  /** Text or bytes of which more will follow than fits into memory: waits until they are taken; false when the reader has gone. */
  send(data: string | Uint8Array): Promise<boolean>
  /** A terminal that can redraw lines. */
  live: boolean
  columns: number
  paint: ChalkInstance
}

/** stdout carries data only; everything else goes to stderr. */
export interface Streams {
  out: Stream
  err: Stream
  /** Somebody can be asked: standard input and stderr are both terminals. */
  interactive: boolean
}

/** @param color `false` when the user typed --no-color */
export function openStreams(color: boolean): Streams {
  // A reader that has gone (`dwh status | head`) is no error of ours.
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error
    })
  }
  return {
    out: openStream(process.stdout, color),
    err: openStream(process.stderr, color),
    interactive: Boolean(process.stdin.isTTY && process.stderr.isTTY),
  }
}

function openStream(stream: NodeJS.WriteStream, color: boolean): Stream {
  return {
    write: (text) => void stream.write(text),
    send: (data) => new Promise((resolve) => stream.write(data, (error) => resolve(!error))),
    live: Boolean(stream.isTTY) && process.env.TERM !== 'dumb',
    columns: stream.columns ?? 110,
    paint: new Chalk({ level: colorLevel(stream, color) }),
  }
}

/** 0 without colour; NO_COLOR (https://no-color.org) and --no-color win over FORCE_COLOR. */
function colorLevel(stream: NodeJS.WriteStream, color: boolean): 0 | 1 | 2 | 3 {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env
  if (!color || NO_COLOR || FORCE_COLOR === '0') return 0
  if (FORCE_COLOR) return 1
  if (!stream.isTTY || TERM === 'dumb') return 0
  return stream.getColorDepth() >= 8 ? 2 : 1
}
