import { ident, literal } from '../../postgres/identifiers.ts'
import { sql } from '../../postgres/sql-files.ts'
import { advice, bySql, no, warning, yes } from '../answer.ts'
import type { Question } from '../question.ts'

interface ForeignZone {
  role: string
  zone: string
  /** Set for the role, and not for the database or the server. */
  is_of_role: boolean
}

/** Only timestamptz has days that depend on who looks. */
export const timeZones: Question = {
  id: 'time_zone',
  ask: 'Do sessions cut days where the leaves are cut?',
  async answer({ session, server, trees }) {
    const cut = (await trees()).filter(({ dataset }) => dataset.partition.kind === 'timestamptz')
    const [zone, ...others] = new Set(cut.map(({ dataset }) => dataset.partition.zone))
    if (zone === undefined) return yes('no leaf is cut by timestamptz')
    if (others.length > 0) {
      return warning(
        `the policies have several zones: ${[zone, ...others].join(', ')}`,
        advice('give the datasets one `zone`, or name the zone in every query'),
      )
    }
    const foreign = await session.rows<ForeignZone>(sql('doctor/time_zones'), [zone])
    if (foreign.length === 0) return yes(zone)
    const { database, role } = await server()
    const inDatabase = `DATABASE ${ident(database)} SET TimeZone = ${literal(zone)}`
    return no(
      `the leaves are cut in ${zone}, and sessions begin with ${foreign.map((one) => `${one.zone} (${one.role})`).join(', ')}`,
      bySql(
        ...(foreign.some((one) => one.role === role) ? [`ALTER ${inDatabase}`] : []),
        ...foreign
          .filter(({ is_of_role }) => is_of_role)
          .map((one) => `ALTER ROLE ${ident(one.role)} IN ${inDatabase}`),
      ),
    )
  },
}
