/** What an installed schedule starts, and where. */
export interface InstallPlace {
  warehouse: string
  /** Absolute words of `dwh` with its flags, without `schedule run`. */
  program: string[]
  /** Variables that the connection needs, without a secret. */
  variables: Record<string, string>
  /** The folder that the program starts in. */
  folder: string
  /** Whether root installs it, for the whole machine. */
  isRoot: boolean
  home: string
  user: string
}

/** What is to be put where, and what to type next. */
export interface Installation {
  text: string
  /** Where it is written to; undefined where that is no file. */
  path: string | undefined
  /** Commands that make it work, once it is there. */
  next: string[]
}
