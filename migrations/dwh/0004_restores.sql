-- Leaves that were restored, and where the files lie that were loaded.

-- Up Migration

COMMENT ON SCHEMA dwh IS 'The ledger of dwh: runs, events, leases, migrations, conversions, loads, rejects, seals, restored leaves.';

-- NULL for loads before this column, and for what came through a pipe.
ALTER TABLE dwh.loads ADD COLUMN place text;
COMMENT ON COLUMN dwh.loads.place IS 'Absolute path of the file, with !member for one of a zip; NULL where it is not known or was no file.';

-- The columns of a view are those that the table had when it was made.
CREATE OR REPLACE VIEW dwh.load_states AS
SELECT l.load, l.run, l.warehouse, l.dataset, l.schema_name, l.table_name, l.input, l.header, l.reading, l.bytes, l.sha256,
       l.mapping, l.strategy, l.landing, l.records, l.inserted, l.updated, l.unchanged, l.moved, l.replaced, l.duplicates,
       l.rejected, l.leaves, l.started_at, l.finished_at, l.failed_at, l.error_code, l.error, l.superseded_by,
       CASE
         WHEN l.superseded_by IS NOT NULL THEN 'superseded'
         WHEN l.finished_at IS NOT NULL   THEN 'done'
         WHEN l.failed_at IS NOT NULL     THEN 'failed'
         WHEN EXISTS (SELECT FROM dwh.run_states AS r WHERE r.run = l.run AND r.state = 'running') THEN 'running'
         ELSE 'died'
       END AS state,
       l.place
  FROM dwh.loads AS l;

CREATE TABLE dwh.restored_leaves (
  leaf        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  run         bigint      REFERENCES dwh.runs ON DELETE SET NULL,
  batch       text        NOT NULL,
  dataset     text        NOT NULL,
  schema_name text        NOT NULL,
  table_name  text        NOT NULL,
  bound       text        NOT NULL,
  leaf_name   text        NOT NULL,
  backup      text        NOT NULL,
  manifest    text        NOT NULL,
  backup_oid  bigint      NOT NULL,
  aside_name  text        NOT NULL,
  aside_oid   oid         NOT NULL,
  kept_name   text,
  kept_oid    oid,
  indexes     jsonb       NOT NULL DEFAULT '[]',
  rows        bigint,
  created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  filled_at   timestamptz,
  proved_at   timestamptz,
  attached_at timestamptz,
  undone_at   timestamptz,
  ended_at    timestamptz,
  CONSTRAINT restored_leaves_in_order CHECK (
    (proved_at IS NULL OR filled_at IS NOT NULL) AND (attached_at IS NULL OR proved_at IS NOT NULL)
    AND (undone_at IS NULL OR attached_at IS NOT NULL)),
  CONSTRAINT restored_leaves_kept_is_whole CHECK ((kept_name IS NULL) = (kept_oid IS NULL))
);
COMMENT ON TABLE  dwh.restored_leaves            IS 'Leaves that were restored from a backup, beside the table or in the place of what was there.';
COMMENT ON COLUMN dwh.restored_leaves.batch      IS 'Of one restore the same: leaves are exchanged, taken back and let go together.';
COMMENT ON COLUMN dwh.restored_leaves.leaf_name  IS 'What it is called in the table, in schema_name like all its names.';
COMMENT ON COLUMN dwh.restored_leaves.aside_name IS 'What it is called beside the table: before the exchange, and once that was taken back.';
COMMENT ON COLUMN dwh.restored_leaves.kept_name  IS 'The leaf whose place it took; NULL where there was none.';
COMMENT ON COLUMN dwh.restored_leaves.indexes    IS 'What each index is called: {live, aside, kept}.';
COMMENT ON COLUMN dwh.restored_leaves.ended_at   IS 'When what lay beside the table was dropped.';
CREATE INDEX restored_leaves_open ON dwh.restored_leaves (schema_name, table_name) WHERE ended_at IS NULL;
-- Runs are forgotten one by one, and each looks for its leaves.
CREATE INDEX restored_leaves_run ON dwh.restored_leaves (run);

-- Down Migration

DROP TABLE dwh.restored_leaves;
DROP VIEW dwh.load_states;
ALTER TABLE dwh.loads DROP COLUMN place;
CREATE VIEW dwh.load_states AS
SELECT l.*,
       CASE
         WHEN l.superseded_by IS NOT NULL THEN 'superseded'
         WHEN l.finished_at IS NOT NULL   THEN 'done'
         WHEN l.failed_at IS NOT NULL     THEN 'failed'
         WHEN EXISTS (SELECT FROM dwh.run_states AS r WHERE r.run = l.run AND r.state = 'running') THEN 'running'
         ELSE 'died'
       END AS state
  FROM dwh.loads AS l;
COMMENT ON VIEW dwh.load_states IS 'Loads with their state, derived: done, superseded, failed, running or died.';
COMMENT ON SCHEMA dwh IS 'The ledger of dwh: runs, events, leases, migrations, conversions, loads, rejects, seals.';
