import { stat } from 'node:fs/promises'
import { DwhError } from '../../errors.ts'
import { type Stored, storedFile } from '../file/byte-stream.ts'
import { zipMembers } from '../file/zip.ts'

const gibibyte = 1024 ** 3

/** A century of hours is some 40 MB. */
const largestMember = gibibyte / 2

/**
 * The one member of a zip whose name begins in some way; its name is never used as a path.
 *
 * @param name of the zip, for people
 * @throws DwhError INPUT_BROKEN for a zip that is none, has none or several, or one that is far larger than any of the archive
 */
export async function memberOf(path: string, name: string, glob: string): Promise<Stored> {
  const members = await zipMembers(storedFile(name, path, await stat(path)), glob).catch((error) =>
    Promise.reject(asBroken(error)),
  )
  const [member, ...others] = members
  if (member === undefined || others.length > 0)
    throw new DwhError('INPUT_BROKEN', `${name} holds ${members.length} members ${glob}, and one is expected`)
  if (member.bytes > largestMember)
    throw new DwhError(
      'INPUT_BROKEN',
      `${member.name} says that it has ${member.bytes} bytes unpacked, and no file of the archive has more than ${largestMember}; it was not unpacked`,
    )
  return member
}

/** What is no mistake of the command line here. */
function asBroken(error: unknown): unknown {
  if (!(error instanceof DwhError) || error.code !== 'USAGE') return error
  const hint = error.hint
  return new DwhError('INPUT_BROKEN', `${error.message}; nothing of the window was loaded`, {
    cause: error,
    ...(hint === undefined ? {} : { hint }),
  })
}
