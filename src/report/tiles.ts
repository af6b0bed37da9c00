import type { ReportFacts } from './facts.ts'
import { bytes, change, percent, plural, short } from './words.ts'

/** One figure of the head of a report. */
export interface Tile {
  title: string
  value: string
  note: string
  state: 'good' | 'warn' | 'bad' | 'off'
}

/** What one wants to know who has ten seconds. */
export function tiles(facts: ReportFacts): Tile[] {
  const { datasets } = facts
  const taken = datasets.reduce((sum, one) => sum + one.bytes, 0)
  const rows = datasets.reduce((sum, one) => sum + one.rows, 0)
  const grown = datasets.flatMap(({ growth }) => growth.bytes ?? [])
  return [
    {
      title: 'Data',
      value: bytes(taken),
      note: `${short(rows)} rows${grown.length > 0 ? `, ${change(grown.reduce((sum, one) => sum + one, 0))}` : ''}`,
      state: 'off',
    },
    diskTile(facts),
    runwayTile(facts),
    slotsTile(facts),
    backupTile(facts),
    healthTile(facts),
  ]
}

function diskTile({ disk }: ReportFacts): Tile {
  if (!disk) return { title: 'Disk', value: '–', note: 'cannot be seen from here', state: 'off' }
  const free = disk.free / disk.total
  const left = disk.days_left === null ? '' : `, ${plural(disk.days_left, 'day')} at this pace`
  return {
    title: 'Disk free',
    value: bytes(disk.free),
    note: `${percent(free)}${left}`,
    state: free < 0.1 || (disk.days_left ?? 999) < 30 ? 'bad' : free < 0.2 ? 'warn' : 'good',
  }
}

function runwayTile({ datasets }: ReportFacts): Tile {
  const known = datasets.filter(({ runway_days }) => runway_days !== null)
  const [shortest] = known.toSorted((a, b) => (a.runway_days ?? 0) - (b.runway_days ?? 0))
  if (!shortest)
    return { title: 'Leaves reach', value: '–', note: 'no policy makes any by the clock', state: 'off' }
  const days = shortest.runway_days ?? 0
  return {
    title: 'Leaves reach',
    value: plural(days, 'day'),
    note: `shortest: ${shortest.dataset}`,
    state: days < 14 ? 'bad' : days < 45 ? 'warn' : 'good',
  }
}

function slotsTile({ jobs }: ReportFacts): Tile {
  const all = jobs.flatMap(({ slots }) => slots)
  const bad = all.filter(({ state }) => ['failed', 'missed', 'died'].includes(state)).length
  if (all.length === 0) return { title: 'Schedule', value: '–', note: 'nothing was due', state: 'off' }
  return {
    title: 'Schedule',
    value: bad === 0 ? 'all ran' : `${plural(bad, 'slot')} bad`,
    note: `of ${plural(all.length, 'slot')}`,
    state: bad === 0 ? 'good' : bad / all.length > 0.1 ? 'bad' : 'warn',
  }
}

function backupTile({ backups, taken_at }: ReportFacts): Tile {
  if (!backups?.last_at)
    return { title: 'Backup', value: 'none', note: 'in the folder of the warehouse', state: 'warn' }
  const ago = (at: string) => Math.max(0, Math.floor((taken_at.getTime() - Date.parse(at)) / 86_400_000))
  const days = ago(backups.last_at)
  const drill = backups.last_good_drill_at
  return {
    title: 'Last backup',
    value: days === 0 ? 'today' : `${plural(days, 'day')} ago`,
    note: drill ? `restored and compared ${plural(ago(drill), 'day')} ago` : 'never restored',
    state: days > 7 ? 'bad' : drill ? 'good' : 'warn',
  }
}

function healthTile({ answers }: ReportFacts): Tile {
  const no = answers.filter(({ answer }) => answer === 'no').length
  const warnings = answers.filter(({ answer }) => answer === 'warning').length
  return {
    title: 'Health',
    value: no === 0 ? 'well' : `${no} to mend`,
    note: `${plural(answers.length, 'question')}${warnings > 0 ? `, ${plural(warnings, 'warning')}` : ''}`,
    state: no > 0 ? 'bad' : warnings > 0 ? 'warn' : 'good',
  }
}
