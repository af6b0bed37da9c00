import { factTable } from 'dwh'
import type { MigrationBuilder } from 'node-pg-migrate'

/** Users, and entries by year. */
export function up(pgm: MigrationBuilder): void {
  pgm.sql(`
CREATE TABLE IF NOT EXISTS public.gazelle_users (
  external_id text PRIMARY KEY,
  first_name  text,
  last_name   text,
  email       text
);
COMMENT ON TABLE public.gazelle_users IS 'Who wrote entries';`)

  factTable(pgm, {
    table: 'public.gazelle_timeline_entries',
    comment: 'One entry of the timeline of a client',
    columns: {
      external_id: { type: 'text', notNull: true, comment: 'Like tme_abc123def456' },
      occurred_at: { type: 'timestamptz', comment: 'Empty only of entries that were not backfilled' },
      entry_type: { type: 'text', notNull: true, comment: 'SERVICE_ENTRY_MANUAL, APPOINTMENT and the like' },
      summary: 'text',
      comment: 'text',
      client_id: 'text',
      piano_id: { type: 'text', comment: 'Of four entries three have none' },
      invoice_id: 'text',
      estimate_id: 'text',
      user_id: { type: 'text', comment: 'Empty of entries that the system made, and of users that are gone' },
      created_at: {
        type: 'timestamptz',
        notNull: true,
        default: 'now()',
        comment: 'When it came into this table',
      },
    },
    key: ['external_id'],
    partitionBy: 'occurred_at',
    indexes: ['occurred_at', 'client_id'],
  })
}

export function down(pgm: MigrationBuilder): void {
  pgm.dropTable({ schema: 'public', name: 'gazelle_timeline_entries' })
  pgm.dropTable({ schema: 'public', name: 'gazelle_users' })
}
