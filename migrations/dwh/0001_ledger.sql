-- The ledger: what dwh did, does and may do in this database. Only dwh writes here; reading is welcome.

-- Up Migration

COMMENT ON SCHEMA dwh IS 'The ledger of dwh: runs, events, leases, migrations, conversions.';

CREATE TABLE dwh.runs (
  run           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  command       text        NOT NULL,
  words         text[]      NOT NULL,
  warehouse     text,
  datasets      text[]      NOT NULL DEFAULT '{}',
  version       text        NOT NULL,
  host          text        NOT NULL,
  os_user       text        NOT NULL,
  os_pid        integer     NOT NULL,
  backend_pid   integer     NOT NULL,
  backend_start timestamptz NOT NULL,
  started_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  ended_at      timestamptz,
  exit_code     smallint,
  error_code    text,
  error         text,
  summary       jsonb,
  log_path      text,
  CONSTRAINT runs_end_has_code CHECK ((ended_at IS NULL) = (exit_code IS NULL))
);
COMMENT ON TABLE  dwh.runs         IS 'One row an execution of a command that changes something.';
COMMENT ON COLUMN dwh.runs.words   IS 'The command line as typed; no secret can be typed there.';
COMMENT ON COLUMN dwh.runs.datasets IS 'The datasets that the run works on.';
COMMENT ON COLUMN dwh.runs.summary IS 'The figures that the command ended with.';
COMMENT ON COLUMN dwh.runs.backend_pid IS 'With backend_start: the connection that lives as long as the run does.';
CREATE INDEX runs_started_at ON dwh.runs (started_at);

CREATE VIEW dwh.run_states AS
SELECT r.*,
       CASE
         WHEN r.exit_code = 0   THEN 'ok'
         WHEN r.exit_code = 5   THEN 'partly'
         WHEN r.exit_code = 130 THEN 'interrupted'
         WHEN r.exit_code IS NOT NULL THEN 'failed'
         -- Who may not see the other session's start knows its pid at least.
         WHEN EXISTS (SELECT FROM pg_stat_activity AS a
                       WHERE a.pid = r.backend_pid
                         AND coalesce(a.backend_start, r.backend_start) = r.backend_start) THEN 'running'
         ELSE 'died'
       END AS state
  FROM dwh.runs AS r;
COMMENT ON VIEW dwh.run_states IS 'Runs with their state, derived: ok, partly, failed, interrupted, running or died.';

CREATE TABLE dwh.events (
  event bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  run   bigint      NOT NULL REFERENCES dwh.runs ON DELETE CASCADE,
  at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  kind  text        NOT NULL,
  data  jsonb       NOT NULL
);
COMMENT ON TABLE dwh.events IS 'Finished steps and warnings of runs; everything else is in the log of the run.';
CREATE INDEX events_run ON dwh.events (run, event);

CREATE TABLE dwh.leases (
  work           text PRIMARY KEY,
  epoch          bigint        NOT NULL,
  run            bigint        REFERENCES dwh.runs ON DELETE SET NULL,
  holder         text          NOT NULL,
  backend_pids   integer[]     NOT NULL DEFAULT '{}',
  backend_starts timestamptz[] NOT NULL DEFAULT '{}',
  expires_at     timestamptz
);
COMMENT ON TABLE  dwh.leases IS 'The right to do one piece of work. A commit under a lease checks its epoch.';
COMMENT ON COLUMN dwh.leases.epoch IS 'Grows by one whenever the work changes hands, and is never reset.';
COMMENT ON COLUMN dwh.leases.expires_at IS 'By the clock of the server; NULL when the work was given back.';

CREATE TABLE dwh.migration_checksums (
  folder       text        NOT NULL,
  name         text        NOT NULL,
  file_sha256  text        NOT NULL,
  sql_sha256   text        NOT NULL,
  version      text        NOT NULL,
  milliseconds integer     NOT NULL,
  applied_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (folder, name)
);
COMMENT ON TABLE dwh.migration_checksums IS 'The hash of each applied migration: of its file, and of the SQL it produced.';

CREATE TABLE dwh.conversions (
  conversion   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  warehouse    text        NOT NULL,
  dataset      text        NOT NULL,
  schema_name  text        NOT NULL,
  table_name   text        NOT NULL,
  run          bigint      REFERENCES dwh.runs ON DELETE SET NULL,
  plain_oid    oid         NOT NULL,
  shadow_name  text        NOT NULL,
  before_name  text        NOT NULL,
  structure    text        NOT NULL,
  before       jsonb       NOT NULL DEFAULT '{}',
  after        jsonb,
  renames      jsonb       NOT NULL DEFAULT '[]',
  undo         jsonb       NOT NULL DEFAULT '[]',
  unvalidated  jsonb       NOT NULL DEFAULT '[]',
  backup       text,
  duplicates   jsonb,
  row_count    bigint,
  hash_1       numeric,
  hash_2       numeric,
  algorithm    text,
  started_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  swapped_at   timestamptz,
  undone_at    timestamptz,
  finished_at  timestamptz
);
COMMENT ON TABLE  dwh.conversions IS 'Plain tables that became partitioned ones. The last date that is set is the state.';
COMMENT ON COLUMN dwh.conversions.structure IS 'SHA-256 of the statements that make the shadow tree: another structure begins anew.';
COMMENT ON COLUMN dwh.conversions.before IS 'Sizes and the time of a query before; after: the same afterwards.';
COMMENT ON COLUMN dwh.conversions.renames IS 'The names that the swap exchanged, so that undo can give them back.';
COMMENT ON COLUMN dwh.conversions.undo IS 'Statements that give back what the swap had to give up.';
COMMENT ON COLUMN dwh.conversions.unvalidated IS 'Statements that validate foreign keys of other tables, until they have.';
COMMENT ON COLUMN dwh.conversions.hash_1 IS 'With hash_2, row_count and algorithm: the proof that both sides were equal at the swap.';
CREATE UNIQUE INDEX conversions_one_open ON dwh.conversions (schema_name, table_name)
  WHERE undone_at IS NULL AND finished_at IS NULL;

-- Down Migration

DROP TABLE dwh.conversions, dwh.migration_checksums, dwh.leases, dwh.events;
DROP VIEW dwh.run_states;
DROP TABLE dwh.runs;
