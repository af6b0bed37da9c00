import { z } from 'zod'
import { BackupFolder, isPath } from '../../backup/folder.ts'
import { type DigestCache, type Verified, verifyBackup } from '../../backup/verify.ts'
import { backupFolderOption, chosenBackups } from '../../cli/backup.ts'
import { argument, command, flag, shared } from '../../cli/command.ts'
import type { Context } from '../../cli/context.ts'
import { bytes, plural, printable } from '../../cli/format.ts'
import { DwhError } from '../../errors.ts'
import { step } from '../../events.ts'
import { isByPgBackRest, verifyByPgBackRest } from './pgbackrest.ts'

export const backupVerify = command({
  name: 'verify',
  summary: 'read backups again and compare every file with its hash',
  description:
    'Needs no database. Finds flipped bits, files that are cut, missing, exchanged or foreign, and an edited manifest; and ' +
    'the same in the files of sealed leaves that a backup shares with others, each read once. Whether what it holds can be ' +
    'restored is for a drill to say.',
  arguments: {
    backups: argument(
      '[backup...]',
      'names or paths of backups; all in the folder unless named',
      z.array(z.string()).default([]),
    ),
  },
  options: {
    latest: flag('--latest', 'only the newest'),
    folder: backupFolderOption,
    json: shared.json,
  },
  exits: { 4: 'a file is not what it was' },
  examples: [
    'dwh backup verify',
    'dwh backup verify --latest',
    'dwh backup verify /mnt/backups/sales-2026-11-22T10-00-00Z',
  ],
  async run(context, { backups, latest, folder: named, json }) {
    if (latest && backups.length > 0) throw new DwhError('USAGE', '--latest names the backup already')
    if (isByPgBackRest(context, named) && !backups.some(isPath))
      return verifyByPgBackRest(context, { backups, latest, json })
    const chosen = await choose(context, named, backups, latest)
    const read: DigestCache = new Map()
    const results: Verified[] = []
    for (const { folder, name } of chosen)
      results.push(
        await step(
          context.work,
          `verify ${name}`,
          () => verifyBackup(folder, context.work, name, read),
          ({ files, bytes: size, damages }) =>
            `${plural(files, 'file')}, ${bytes(size)}, ${damages.length === 0 ? 'as they were' : plural(damages.length, 'damage')}`,
        ),
      )
    if (json) context.printJson(results)
    const damages = results.flatMap((result) => result.damages)
    if (!json) for (const { file, message } of damages) context.print(printable(`${file}: ${message}`))
    if (damages.length === 0) return
    const broken = results.filter((result) => result.damages.length > 0).map(({ backup }) => backup)
    throw new DwhError(
      'CHECK_FAILED',
      `${plural(damages.length, 'damage')} in ${broken.join(', ')}; nothing was changed`,
      { hint: 'restore from another backup, and make a new one: dwh backup create' },
    )
  },
})

async function choose(
  context: Context,
  named: string | undefined,
  backups: string[],
  latest: boolean,
): Promise<{ folder: BackupFolder; name: string }[]> {
  // Paths need no warehouse file.
  const folder = chosenBackups(context, backups.every(isPath) ? (named ?? backups[0]) : named)
  if (backups.length > 0) return backups.map((backup) => BackupFolder.place(backup, folder))
  const { backups: found, damaged } = await folder.list()
  const names = [...found, ...damaged].map(({ name }) => name)
  if (names.length === 0)
    throw new DwhError('USAGE', `there is no backup in ${folder.path}`, {
      hint: 'name the folder of backups with --folder, or make one: dwh backup create',
    })
  return (latest ? names.slice(0, 1) : names).map((name) => ({ folder, name }))
}
