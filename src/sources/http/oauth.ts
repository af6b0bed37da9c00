import { createHash } from 'node:crypto'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DwhError } from '../../errors.ts'
import type { Work } from '../../events.ts'
import type { Surroundings } from '../source.ts'
import { type Authorization, HttpClient, type Polite } from './client.ts'
import type { HttpRequest } from './exchange.ts'
import type { Secrets } from './secrets.ts'
import { Refused } from './trouble.ts'

/** As in the warehouse file. */
export interface OAuthSettings {
  token_url: string
  client_id: string
  secret_variable: string
  refresh_variable?: string | undefined
  scope?: string | undefined
  secret_in: 'header' | 'body'
}

interface Token {
  access: string
  /** `performance.now()` after which it is not used any more. */
  until: number
}

/** Seconds before its end that a token is not used any more. */
const margin = 60

/**
 * Tokens by client credentials, or by a refresh token, which the host may replace each time: the last one is kept in the cache,
 * for the next process.
 */
export class OAuth implements Authorization {
  readonly #settings: OAuthSettings
  readonly #client: HttpClient
  readonly #secrets: Secrets
  readonly #cacheFolder: string
  #token: Promise<Token> | undefined

  constructor(settings: OAuthSettings, polite: Polite, surroundings: Surroundings, secrets: Secrets) {
    this.#settings = settings
    this.#client = new HttpClient(polite, surroundings, { secrets })
    this.#secrets = secrets
    this.#cacheFolder = surroundings.cacheFolder
  }

  /** @throws DwhError LOGIN_REFUSED, CONFIG_MISSING, SOURCE_FAILED */
  async headers(work: Work): Promise<Record<string, string>> {
    const held = await this.#token
    if (!held || held.until <= performance.now()) {
      this.#token = this.#ask(work)
      // The next one who asks tries again.
      this.#token.catch(() => {
        this.#token = undefined
      })
    }
    const { access } = (await this.#token) as Token
    return { authorization: `Bearer ${access}` }
  }

  renew(): boolean {
    const wasHeld = this.#token !== undefined
    this.#token = undefined
    return wasHeld
  }

  async #ask(work: Work): Promise<Token> {
    const { refresh_variable } = this.#settings
    if (refresh_variable === undefined)
      return await this.#exchange({ grant_type: 'client_credentials' }, work)
    const given = this.#secrets.variable(refresh_variable)
    const kept = await readFile(this.#keptPath(given), 'utf8').catch(() => undefined)
    const refresh = (token: string) =>
      this.#exchange({ grant_type: 'refresh_token', refresh_token: token }, work, given)
    if (kept === undefined) return await refresh(given)
    this.#secrets.keep(kept)
    // One that was given anew by hand counts when the kept one does not any more.
    return await refresh(kept).catch((error) =>
      error instanceof DwhError && error.code === 'LOGIN_REFUSED' ? refresh(given) : Promise.reject(error),
    )
  }

  async #exchange(grant: Record<string, string>, work: Work, given?: string): Promise<Token> {
    const text = await this.#refusedAsLogin(() => this.#client.text(this.#request(grant), work))
    const { access_token, expires_in, refresh_token } = parsed(text)
    if (typeof access_token !== 'string' || access_token === '')
      throw new DwhError('LOGIN_REFUSED', `${this.#settings.token_url} gave no access_token`, {
        hint: 'look at `oauth` of the source in the warehouse file',
      })
    this.#secrets.keep(access_token)
    if (typeof refresh_token === 'string' && given !== undefined)
      await this.#keepRefresh(given, refresh_token)
    const seconds = typeof expires_in === 'number' ? expires_in : Number.POSITIVE_INFINITY
    return { access: access_token, until: performance.now() + Math.max(seconds - margin, seconds / 2) * 1000 }
  }

  #request(grant: Record<string, string>): HttpRequest {
    const { token_url, client_id, secret_variable, scope, secret_in } = this.#settings
    const secret = this.#secrets.variable(secret_variable)
    const encoded = [client_id, secret].map(encodeURIComponent).join(':')
    const login = Buffer.from(encoded).toString('base64')
    this.#secrets.keep(login)
    const fields = {
      ...grant,
      ...(scope === undefined ? {} : { scope }),
      ...(secret_in === 'body' ? { client_id, client_secret: secret } : {}),
    }
    return {
      url: token_url,
      method: 'POST',
      headers: {
        accept: 'application/json',
        'content-type': 'application/x-www-form-urlencoded',
        ...(secret_in === 'header' ? { authorization: `Basic ${login}` } : {}),
      },
      body: new URLSearchParams(fields).toString(),
    }
  }

  /** A wrong secret is answered with 400 by some hosts. */
  async #refusedAsLogin<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await ask()
    } catch (error) {
      if (!(error instanceof Refused) || error.status !== 400) throw error
      throw new DwhError('LOGIN_REFUSED', error.message, {
        hint: `look at \`oauth\` of the source in the warehouse file and at ${this.#settings.secret_variable}`,
        cause: error,
      })
    }
  }

  async #keepRefresh(given: string, token: string): Promise<void> {
    this.#secrets.keep(token)
    const path = this.#keptPath(given)
    const draft = `${path}.${process.pid}`
    await writeFile(draft, token, { mode: 0o600 })
    await rename(draft, path)
  }

  #keptPath(given: string): string {
    const { token_url, client_id } = this.#settings
    const hash = createHash('sha256')
      .update(JSON.stringify([token_url, client_id, given]))
      .digest('hex')
    return join(this.#cacheFolder, `oauth-${hash.slice(0, 32)}`)
  }
}

function parsed(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}
