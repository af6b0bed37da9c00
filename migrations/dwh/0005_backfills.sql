-- Years of history in chunks: what was asked for, what is at work, what became of each window.

-- Up Migration

COMMENT ON SCHEMA dwh IS 'The ledger of dwh: runs, events, leases, migrations, conversions, loads, rejects, seals, restored leaves, backfills, chunks.';

CREATE TABLE dwh.backfills (
  backfill   bigint PRIMARY KEY,
  warehouse  text        NOT NULL,
  wanted     text        NOT NULL DEFAULT 'run',
  wanted_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  parallel   integer     NOT NULL,
  settings   jsonb       NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT backfills_wanted CHECK (wanted IN ('run', 'pause', 'cancel')),
  CONSTRAINT backfills_parallel CHECK (parallel > 0)
);
COMMENT ON TABLE  dwh.backfills          IS 'Plans of backfills. What one is follows from its chunks.';
COMMENT ON COLUMN dwh.backfills.backfill IS 'The number of the run that planned it.';
COMMENT ON COLUMN dwh.backfills.wanted   IS 'What the user wants of it; workers obey between two chunks.';
COMMENT ON COLUMN dwh.backfills.parallel IS 'Chunks at the same time, of all workers together.';
COMMENT ON COLUMN dwh.backfills.settings IS 'How its chunks are worked on: force, delay, retries, stop_on_error, hours.';

CREATE TABLE dwh.chunks (
  chunk         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  backfill      bigint      NOT NULL REFERENCES dwh.backfills ON DELETE CASCADE,
  place         integer     NOT NULL,
  warehouse     text        NOT NULL,
  dataset       text        NOT NULL,
  source        text        NOT NULL,
  schema_name   text        NOT NULL,
  table_name    text        NOT NULL,
  window_from   date,
  window_to     date,
  zone          text        NOT NULL,
  parameters    jsonb       NOT NULL DEFAULT '{}',
  code          text        NOT NULL,
  attempts      integer     NOT NULL DEFAULT 0,
  tries_before  integer     NOT NULL DEFAULT 0,
  worker        bigint,
  claimed_at    timestamptz,
  retry_at      timestamptz,
  progress      jsonb,
  progressed_at timestamptz,
  ended_at      timestamptz,
  outcome       text,
  error_code    text,
  error         text,
  fingerprint   text,
  watermark     text,
  load          bigint      REFERENCES dwh.loads ON DELETE SET NULL,
  figures       jsonb,
  gates         jsonb,
  proof         jsonb,
  superseded_by bigint      REFERENCES dwh.chunks ON DELETE SET NULL,
  undone_at     timestamptz,
  UNIQUE (backfill, place),
  CONSTRAINT chunks_window CHECK ((window_from IS NULL) = (window_to IS NULL) AND window_from < window_to),
  CONSTRAINT chunks_end_has_outcome CHECK ((ended_at IS NULL) = (outcome IS NULL)),
  CONSTRAINT chunks_outcome CHECK (outcome IN ('done', 'flagged', 'quarantined', 'failed', 'cancelled')),
  CONSTRAINT chunks_claim CHECK ((worker IS NULL) = (claimed_at IS NULL))
);
COMMENT ON TABLE  dwh.chunks             IS 'One window of one dataset and source with its parameters. Its end commits with its rows.';
COMMENT ON COLUMN dwh.chunks.place       IS 'The order in which chunks are taken.';
COMMENT ON COLUMN dwh.chunks.window_from IS 'With window_to a half-open interval of days in zone; NULL for a dataset without windows.';
COMMENT ON COLUMN dwh.chunks.code        IS 'Hash of what turns the source into rows: other settings make a chunk stale.';
COMMENT ON COLUMN dwh.chunks.tries_before IS 'Attempts before it was opened once more: its retries are counted from there.';
COMMENT ON COLUMN dwh.chunks.worker      IS 'The run that has claimed it; whether that lives is told by its lease.';
COMMENT ON COLUMN dwh.chunks.progress    IS 'Of the attempt: step, rows, bytes, requests, rejects, and why it waits.';
COMMENT ON COLUMN dwh.chunks.fingerprint IS 'Of the input that was read; another one now means that the chunk is stale.';
COMMENT ON COLUMN dwh.chunks.figures     IS 'Records, inserted, updated, unchanged, moved, replaced, duplicates, rejected, announced, requests, bytes, seconds.';
COMMENT ON COLUMN dwh.chunks.gates       IS 'For each gate what was expected, what was found, and whether it was passed.';
COMMENT ON COLUMN dwh.chunks.proof       IS 'Rows and hash of scope and window in the table when the chunk ended.';
-- Of two plans for the same window one works.
CREATE UNIQUE INDEX chunks_open ON dwh.chunks
  (warehouse, dataset, source, coalesce(window_from, '-infinity'), coalesce(window_to, 'infinity'), parameters)
  WHERE ended_at IS NULL;
CREATE UNIQUE INDEX chunks_current ON dwh.chunks
  (warehouse, dataset, source, coalesce(window_from, '-infinity'), coalesce(window_to, 'infinity'), parameters)
  WHERE outcome IN ('done', 'flagged') AND superseded_by IS NULL AND undone_at IS NULL;
CREATE INDEX chunks_load ON dwh.chunks (load) WHERE load IS NOT NULL;

CREATE TABLE dwh.generations (
  generation bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  chunk      bigint      NOT NULL REFERENCES dwh.chunks ON DELETE CASCADE,
  kind       text        NOT NULL,
  table_name text        NOT NULL,
  row_count  bigint      NOT NULL,
  difference jsonb,
  made_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  gone_at    timestamptz,
  CONSTRAINT generations_kind CHECK (kind IN ('former', 'withheld'))
);
COMMENT ON TABLE  dwh.generations            IS 'Rows beside a dataset: those that a forced chunk replaced, and those that a gate withholds.';
COMMENT ON COLUMN dwh.generations.table_name IS 'Quoted, with its schema.';
COMMENT ON COLUMN dwh.generations.difference IS 'Rows added, removed and changed, by column.';
COMMENT ON COLUMN dwh.generations.gone_at    IS 'When its rows went back, or were let go.';
CREATE INDEX generations_chunk ON dwh.generations (chunk);

CREATE TABLE dwh.hosts (
  host       text PRIMARY KEY,
  next_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  held_until timestamptz,
  held_why   text,
  requests   bigint      NOT NULL DEFAULT 0
);
COMMENT ON TABLE  dwh.hosts            IS 'When each host may be asked next, for all workers together.';
COMMENT ON COLUMN dwh.hosts.held_until IS 'The host has said that nobody shall ask before.';

CREATE VIEW dwh.chunk_states AS
SELECT c.*,
       CASE
         WHEN c.undone_at IS NOT NULL     THEN 'undone'
         WHEN c.superseded_by IS NOT NULL THEN 'superseded'
         WHEN c.outcome IS NOT NULL       THEN c.outcome
         WHEN c.worker IS NOT NULL AND EXISTS (SELECT FROM dwh.run_states AS r WHERE r.run = c.worker AND r.state = 'running')
                                          THEN 'running'
         WHEN c.worker IS NOT NULL        THEN 'died'
         WHEN c.retry_at > clock_timestamp() THEN 'waiting'
         ELSE 'planned'
       END AS state
  FROM dwh.chunks AS c;
COMMENT ON VIEW dwh.chunk_states IS 'Chunks with their state, derived: planned, waiting, running, died, done, flagged, quarantined, failed, cancelled, superseded or undone.';

-- Down Migration

DROP VIEW dwh.chunk_states;
DROP TABLE dwh.hosts, dwh.generations, dwh.chunks, dwh.backfills;
COMMENT ON SCHEMA dwh IS 'The ledger of dwh: runs, events, leases, migrations, conversions, loads, rejects, seals, restored leaves.';
