import { factTable } from 'dwh'
import type { MigrationBuilder } from 'node-pg-migrate'

/** Flights by month. There is no key: two flights may agree in every column. */
export function up(pgm: MigrationBuilder): void {
  factTable(pgm, {
    table: 'public.flights',
    comment: 'Flights within the United States, January to June 2001',
    columns: {
      date: { type: 'timestamp', notNull: true, comment: 'Departure, by the clock of the airport' },
      delay: { type: 'integer', comment: 'Minutes at arrival; early is negative' },
      distance: { type: 'integer', comment: 'Miles' },
      origin: { type: 'text', notNull: true, comment: 'IATA code' },
      destination: { type: 'text', notNull: true, comment: 'IATA code' },
    },
    partitionBy: 'date',
    indexes: ['origin', 'destination'],
  })
}

export function down(pgm: MigrationBuilder): void {
  pgm.dropTable({ schema: 'public', name: 'flights' })
}
