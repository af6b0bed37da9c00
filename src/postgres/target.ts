/** Everything that is needed to reach one database. `host` may be a folder that holds a Unix socket. */
export interface Target {
  host: string
  /** Connect here instead of asking for the address of `host`, which stays the name that certificates are checked for. */
  hostaddr?: string
  port: number
  database: string
  user: string
  password?: string
  sslmode: SslMode
  sslrootcert?: string
  sslcert?: string
  sslkey?: string
  /** Seconds. */
  connectTimeout: number
  /** Server settings for the start of the session, as in PGOPTIONS. */
  options?: string
}

export const sslModes = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const
export type SslMode = (typeof sslModes)[number]

/** `user@host:port/database`, never the password. */
export function describeTarget({ user, host, port, database }: Target): string {
  return `${user}@${host}:${port}/${database}`
}
