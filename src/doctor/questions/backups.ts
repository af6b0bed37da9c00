import { BackupFolder } from '../../backup/folder.ts'
import { listBackups } from '../../backup/list.ts'
import { byCommand, no, unknown, yes } from '../answer.ts'
import type { Question } from '../question.ts'

/** A backup that was never restored is a hope. */
export const drills: Question = {
  id: 'drills',
  ask: 'Was a backup restored lately, and found equal?',
  async answer({ backups: place }) {
    if (!place) return unknown('without a warehouse file nobody says where backups lie')
    const { backups } = await listBackups(new BackupFolder(place.folder))
    if (backups.length === 0) return yes(`there is none in ${place.folder}`)
    const good = backups.flatMap(({ lastGoodDrill }) => lastGoodDrill ?? []).toSorted()
    const last = good.at(-1)
    if (last === undefined) return no(`none of ${backups.length} was ever`, byCommand('dwh backup drill'))
    const days = (Date.now() - Date.parse(last)) / 86_400_000
    const ago = days < 1 ? 'today' : `${Math.floor(days)} days ago`
    return days <= place.drillDays ? yes(ago) : no(`the last one ${ago}`, byCommand('dwh backup drill'))
  },
}
