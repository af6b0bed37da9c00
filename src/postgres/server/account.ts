import { readFileSync, statSync } from 'node:fs'
import { userInfo } from 'node:os'
import { DwhError } from '../../errors.ts'

/** The operating system's user that server programs run as. */
export interface Account {
  uid: number
  gid: number
}

/**
 * Who runs the server of `folder`: its owner where it is there, else `postgres` or `nobody`, since PostgreSQL refuses
 * root. Undefined for whoever is not root: programs then run as they are.
 *
 * @throws DwhError TOOL_MISSING when root has nobody to hand the server to
 */
export function serverAccount(folder: string): Account | undefined {
  if (process.getuid?.() !== 0) return undefined
  const owner = statSync(folder, { throwIfNoEntry: false })
  const account = owner ? { uid: owner.uid, gid: owner.gid } : (lookUp('postgres') ?? lookUp('nobody'))
  if (account && account.uid !== 0) return account
  throw new DwhError('TOOL_MISSING', 'PostgreSQL refuses to run as root, and nobody else can run it here', {
    hint: owner
      ? `give the folder to another user: chown -R postgres ${folder}`
      : 'make a user for it: useradd --system postgres',
  })
}

/** The name and the home of a user, as programs that it runs expect to find them. */
export function userOf(account: Account | undefined): { name: string; home: string } {
  if (!account) {
    const { username, homedir } = userInfo()
    return { name: username, home: homedir }
  }
  const line = new RegExp(`^([^:\\n]+):[^:]*:${account.uid}:\\d+:[^:]*:([^:]*):`, 'm').exec(passwd())
  return { name: line?.[1] ?? String(account.uid), home: line?.[2] || '/' }
}

function lookUp(name: string): Account | undefined {
  const line = new RegExp(`^${name}:[^:]*:(\\d+):(\\d+):`, 'm').exec(passwd())
  return line ? { uid: Number(line[1]), gid: Number(line[2]) } : undefined
}

const passwd = () => readFileSync('/etc/passwd', 'utf8')
