import { execFile } from 'node:child_process'
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const execute = promisify(execFile)

/** What the server shows when it is asked for TLS; `none` is a server without TLS. */
export type Certificate = 'localhost' | 'db.example.org' | 'none'

/**
 * A server of its own in a temporary folder, for tests of encryption. Its roles: `either` may come both ways, `encrypted`
 * only with TLS, `plain` only without, `scram` with the password `correct horse`.
 */
export class TlsServer implements AsyncDisposable {
  readonly port: number
  readonly folder: string
  readonly bin: string
  readonly #account: { uid?: number; gid?: number }

  private constructor(folder: string, port: number, bin: string, account: { uid?: number; gid?: number }) {
    this.folder = folder
    this.port = port
    this.bin = bin
    this.#account = account
  }

  static async create(): Promise<TlsServer> {
    const account = await serverAccount()
    const folder = mkdtempSync(join(tmpdir(), 'dwh-tls-'))
    if (account.uid !== undefined) chownSync(folder, account.uid, account.gid as number)
    const server = new TlsServer(folder, await freePort(), findBin(), account)
    await server.#makeCertificates()
    await server.#run('initdb', '-D', server.#data, '-U', 'postgres', '-A', 'trust', '--no-sync')
    writeFileSync(
      join(server.#data, 'pg_hba.conf'),
      [
        'local     all all       trust',
        'host      all either    all trust',
        'hostssl   all encrypted all trust',
        'hostnossl all plain     all trust',
        'host      all scram     all scram-sha-256',
      ].join('\n'),
    )
    await server.start('none')
    await server.#run(
      'psql',
      ...['-h', folder, '-p', String(server.port), '-U', 'postgres', '-d', 'postgres', '-q', '-c'],
      "CREATE ROLE either LOGIN; CREATE ROLE encrypted LOGIN; CREATE ROLE plain LOGIN; CREATE ROLE scram LOGIN PASSWORD 'correct horse'",
    )
    return server
  }

  get #data(): string {
    return join(this.folder, 'data')
  }

  /** Of the authority that signed the server's certificates, or of one that did not. */
  root(authority: 'ours' | 'other'): string {
    return join(this.folder, `${authority}.crt`)
  }

  /** Starts, or starts anew, with another certificate. */
  async start(certificate: Certificate): Promise<void> {
    if (existsSync(join(this.#data, 'postmaster.pid'))) await this.#stop()
    const tls = `-c ssl=on -c ssl_cert_file=${this.folder}/${certificate}.crt -c ssl_key_file=${this.folder}/${certificate}.key`
    const options = `-p ${this.port} -k ${this.folder} -c listen_addresses=localhost,127.0.0.1 -c fsync=off ${certificate === 'none' ? '' : tls}`
    await this.#run('pg_ctl', 'start', '-w', '-D', this.#data, '-l', join(this.folder, 'log'), '-o', options)
  }

  async #stop(): Promise<void> {
    await this.#run('pg_ctl', 'stop', '-w', '-m', 'immediate', '-D', this.#data)
  }

  async #makeCertificates(): Promise<void> {
    for (const authority of ['ours', 'other']) {
      const subject = ['-subj', `/CN=${authority}`, '-days', '2']
      await this.#openssl('req', '-x509', ...newKey(authority), '-out', `${authority}.crt`, ...subject)
    }
    for (const host of ['localhost', 'db.example.org']) {
      writeFileSync(join(this.folder, `${host}.ext`), `subjectAltName=DNS:${host}\n`)
      await this.#openssl('req', ...newKey(host), '-out', `${host}.csr`, '-subj', `/CN=${host}`)
      const authority = ['-CA', 'ours.crt', '-CAkey', 'ours.key', '-CAcreateserial', '-days', '2']
      const files = ['-in', `${host}.csr`, '-out', `${host}.crt`, '-extfile', `${host}.ext`]
      await this.#openssl('x509', '-req', ...files, ...authority)
    }
  }

  async #openssl(...words: string[]): Promise<void> {
    await execute('openssl', words, { cwd: this.folder, ...this.#account })
  }

  async #run(program: string, ...words: string[]): Promise<void> {
    // Without pipes: a server that inherited them would keep them open.
    const started = execute(join(this.bin, program), words, { cwd: this.folder, ...this.#account })
    await started
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stop()
    rmSync(this.folder, { recursive: true })
  }
}

function newKey(name: string): string[] {
  return ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', `${name}.key`]
}

/** PostgreSQL refuses root: then it runs as postgres, or as nobody. */
async function serverAccount(): Promise<{ uid?: number; gid?: number }> {
  if (process.getuid?.() !== 0) return {}
  const idOf = async (flag: string) =>
    Number((await execute('id', [flag, 'postgres']).catch(() => execute('id', [flag, 'nobody']))).stdout)
  return { uid: await idOf('-u'), gid: await idOf('-g') }
}

function findBin(): string {
  const folder = '/usr/lib/postgresql'
  const installed = existsSync(folder)
    ? readdirSync(folder).map((version) => join(folder, version, 'bin'))
    : []
  const bin = [process.env.DWH_PG_BIN, ...installed].find((path) => path && existsSync(join(path, 'initdb')))
  if (!bin) throw new Error('no PostgreSQL server binaries; name their folder in DWH_PG_BIN')
  return bin
}

async function freePort(): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>()
  const probe = createServer().listen(0, '127.0.0.1', () => {
    const address = probe.address()
    probe.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
  })
  return promise
}
