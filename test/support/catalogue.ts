import { type RelationName, relation } from '../../src/postgres/identifiers.ts'
import type { Session } from '../../src/postgres/session.ts'

/** Everything about a table and its leaves that a user can see, without oids, so that two can be compared. */
export async function describeTable(session: Session, table: RelationName) {
  const name = relation(table)
  const ask = (text: string) => session.rows(text, [name])
  return {
    table: await ask(
      `SELECT c.relkind::text, c.relpersistence::text, pg_get_userbyid(c.relowner) AS owner, c.relacl::text, c.reloptions,
              obj_description(c.oid, 'pg_class') AS comment, pg_get_partkeydef(c.oid) AS partition_key
         FROM pg_class AS c WHERE c.oid = $1::regclass`,
    ),
    columns: await ask(
      `SELECT a.attname::text AS name, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS not_null, a.attidentity::text AS identity,
              a.attgenerated::text AS generated, pg_get_expr(d.adbin, d.adrelid) AS default, a.attcompression::text AS compression, a.attacl::text AS acl,
              nullif(a.attstattarget, -1) AS statistics, col_description(a.attrelid, a.attnum) AS comment, a.attstorage::text AS storage,
              pg_get_serial_sequence($1, a.attname) AS sequence
         FROM pg_attribute AS a LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE a.attrelid = $1::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`,
    ),
    constraints: await ask(
      `SELECT conname::text AS name, pg_get_constraintdef(oid) AS definition, convalidated AS valid FROM pg_constraint
        WHERE conrelid = $1::regclass AND contype <> 'n' ORDER BY conname`,
    ),
    indexes: await ask(
      `SELECT i.relname::text AS name, pg_get_indexdef(i.oid) AS definition, x.indisvalid AS valid, x.indisprimary AS primary
         FROM pg_index AS x JOIN pg_class AS i ON i.oid = x.indexrelid WHERE x.indrelid = $1::regclass ORDER BY i.relname`,
    ),
    leaves: await ask(
      `SELECT c.relname::text AS name, pg_get_expr(c.relpartbound, c.oid) AS bound, c.reloptions, c.relacl::text AS acl,
              pg_get_userbyid(c.relowner) AS owner,
              (SELECT json_agg(pg_get_indexdef(x.indexrelid) ORDER BY pg_get_indexdef(x.indexrelid))
                 FROM pg_index AS x WHERE x.indrelid = c.oid AND x.indisvalid) AS indexes,
              (SELECT json_agg(pg_get_constraintdef(k.oid) ORDER BY pg_get_constraintdef(k.oid))
                 FROM pg_constraint AS k WHERE k.conrelid = c.oid AND k.contype <> 'n') AS constraints
         FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid WHERE i.inhparent = $1::regclass ORDER BY c.relname`,
    ),
    rows: await session.rows(
      `SELECT count(*) AS n, sum(hashtextextended(t::text, 0))::text AS hash FROM ${name} AS t`,
    ),
  }
}
