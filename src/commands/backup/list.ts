import { type BackupLine, type BackupList, listBackups, scopeText } from '../../backup/list.ts'
import { backupFolderOption, chosenBackups, isByPgBackRest } from '../../cli/backup.ts'
import { command, shared } from '../../cli/command.ts'
import type { Context } from '../../cli/context.ts'
import { age, bytes, count, moment, plural, printable } from '../../cli/format.ts'
import { table } from '../../cli/table.ts'
import { DwhError } from '../../errors.ts'
import { listByPgBackRest } from './pgbackrest.ts'

export const backupList = command({
  name: 'list',
  summary: 'list backups with age, size and proofs, newest first',
  description:
    'Needs no database: all that is known of a backup lies beside it. `shared` are files of sealed leaves, which several ' +
    'backups refer to. A backup is proved when a drill has restored it and found everything equal.',
  options: { folder: backupFolderOption, json: shared.json },
  exits: { 4: 'a folder that was a backup has no manifest that can be read' },
  examples: ['dwh backup list', 'dwh backup list --folder /mnt/backups --json'],
  async run(context, { folder: named, json }) {
    if (isByPgBackRest(context, named)) return listByPgBackRest(context, json)
    const folder = chosenBackups(context, named)
    const list = await listBackups(folder)
    if (json) context.printJson({ folder: folder.path, ...listJson(list) })
    else show(context, folder.path, list)
    if (list.damaged.length === 0) return
    const names = list.damaged.map(({ name }) => name).join(', ')
    throw new DwhError('CHECK_FAILED', `${plural(list.damaged.length, 'damaged backup')}: ${names}`, {
      hint: 'see what is wrong: dwh backup verify',
    })
  },
})

function show(context: Context, folder: string, { backups, failed }: BackupList): void {
  if (backups.length === 0) context.say(`no backup in ${printable(folder)}`)
  else {
    context.print(
      table<BackupLine>(
        context.streams.out,
        [
          { title: 'backup', value: ({ name }) => name },
          { title: 'age', value: ({ manifest }) => age(ageOf(manifest.snapshot.at)), align: 'right' },
          { title: 'size', value: ({ bytes: own }) => bytes(own), align: 'right' },
          { title: 'shared', value: ({ sharedBytes }) => bytes(sharedBytes), align: 'right' },
          { title: 'tables', value: ({ manifest }) => count(manifest.tables.length), align: 'right' },
          { title: 'rows', value: ({ rows }) => count(rows), align: 'right' },
          { title: 'proved', value: ({ proved }) => (proved ? 'yes' : 'no') },
          {
            title: 'last drill',
            value: ({ lastDrill }) =>
              lastDrill && `${moment(new Date(lastDrill.at))}${lastDrill.ok ? '' : ' failed'}`,
          },
          { title: 'of', value: ({ manifest }) => `${manifest.database.name}: ${scopeText(manifest.scope)}` },
        ],
        backups,
      ),
    )
  }
  for (const { backup, at, code, message } of failed)
    context.say(printable(`not made: ${backup}, ${moment(new Date(at))}: ${code} ${message}`))
}

function listJson({ backups, damaged, failed }: BackupList) {
  return {
    backups: backups.map(({ name, path, manifest, bytes: own, sharedBytes, rows, proved, lastDrill }) => ({
      backup: name,
      path,
      at: manifest.snapshot.at,
      age_seconds: Math.round(ageOf(manifest.snapshot.at)),
      database: manifest.database.name,
      scope: manifest.scope,
      bytes: own,
      shared_bytes: sharedBytes,
      tables: manifest.tables.length,
      rows,
      proved,
      last_drill: lastDrill ? { at: lastDrill.at, ok: lastDrill.ok } : null,
    })),
    damaged: damaged.map(({ name, path, problem }) => ({ backup: name, path, problem })),
    failed: failed.map(({ backup, at, code, message, run }) => ({ backup, at, code, message, run })),
  }
}

const ageOf = (at: string) => (Date.now() - Date.parse(at)) / 1000
