-- Leaves that are closed: made read-only, so that a later backup refers to what an earlier one has of them.

-- Up Migration

COMMENT ON SCHEMA dwh IS 'The ledger of dwh: runs, events, leases, migrations, conversions, loads, rejects, seals.';

CREATE TABLE dwh.seals (
  seal        uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
  run         bigint      REFERENCES dwh.runs ON DELETE SET NULL,
  warehouse   text        NOT NULL,
  dataset     text        NOT NULL,
  schema_name text        NOT NULL,
  table_name  text        NOT NULL,
  leaf_schema text        NOT NULL,
  leaf_name   text        NOT NULL,
  leaf_oid    oid         NOT NULL,
  evidence    jsonb       NOT NULL DEFAULT '{}',
  sealed_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  unsealed_at timestamptz,
  void_reason text,
  CONSTRAINT seals_void_is_over CHECK (void_reason IS NULL OR unsealed_at IS NOT NULL)
);
COMMENT ON TABLE  dwh.seals             IS 'Leaves that were made read-only. Whether a seal holds is not stored: its evidence is compared with the catalogue of today.';
COMMENT ON COLUMN dwh.seals.run         IS 'NULL once the run is forgotten.';
COMMENT ON COLUMN dwh.seals.table_name  IS 'The parent of the leaf, in schema_name.';
COMMENT ON COLUMN dwh.seals.evidence    IS 'What the catalogue said of the leaf, its triggers and their function under the lock: oids, transactions, file, columns.';
COMMENT ON COLUMN dwh.seals.unsealed_at IS 'When it was taken off, or given up for a new one.';
COMMENT ON COLUMN dwh.seals.void_reason IS 'Why it had not held until then; NULL where it had.';
-- Runs are forgotten one by one, and each looks for its seals.
CREATE INDEX seals_run ON dwh.seals (run);

-- What the triggers of a sealed leaf call, with the dataset and the seal as arguments. The row of this function in pg_proc is
-- evidence of every seal: whoever replaces it voids them all, a later migration too.
CREATE FUNCTION dwh.refuse_sealed() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_word text := TG_TABLE_NAME;
BEGIN
  -- As a shell wants it.
  IF v_word !~ '^[[:alnum:]_]+$' THEN
    v_word := '''' || replace(v_word, '''', '''\''''') || '''';
  END IF;
  RAISE EXCEPTION USING
    ERRCODE    = 'object_not_in_prerequisite_state',
    MESSAGE    = format('%I.%I is sealed: %s refused', TG_TABLE_SCHEMA, TG_TABLE_NAME, TG_OP),
    HINT       = format('type: dwh partitions unseal %s %s', TG_ARGV[0], v_word),
    SCHEMA     = TG_TABLE_SCHEMA,
    TABLE      = TG_TABLE_NAME,
    CONSTRAINT = TG_NAME;
END
$$;
COMMENT ON FUNCTION dwh.refuse_sealed() IS 'Refuses to change a sealed leaf. Never replaced: that would void every seal.';

-- Down Migration

DROP FUNCTION dwh.refuse_sealed();
DROP TABLE dwh.seals;
COMMENT ON SCHEMA dwh IS 'The ledger of dwh: runs, events, leases, migrations, conversions, loads, rejects.';
