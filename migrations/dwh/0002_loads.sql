-- What was loaded, from which bytes, and the rows that were refused.

-- Up Migration

COMMENT ON SCHEMA dwh IS 'The ledger of dwh: runs, events, leases, migrations, conversions, loads, rejects.';

CREATE TABLE dwh.loads (
  load          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  run           bigint      REFERENCES dwh.runs ON DELETE SET NULL,
  warehouse     text        NOT NULL,
  dataset       text        NOT NULL,
  schema_name   text        NOT NULL,
  table_name    text        NOT NULL,
  input         text        NOT NULL,
  header        bytea,
  reading       jsonb       NOT NULL DEFAULT '{}',
  bytes         bigint,
  sha256        text,
  mapping       text        NOT NULL,
  strategy      text        NOT NULL,
  landing       text[]      NOT NULL DEFAULT '{}',
  records       bigint,
  inserted      bigint,
  updated       bigint,
  unchanged     bigint,
  moved         bigint,
  replaced      bigint,
  duplicates    bigint,
  rejected      bigint,
  leaves        jsonb       NOT NULL DEFAULT '[]',
  started_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  finished_at   timestamptz,
  failed_at     timestamptz,
  error_code    text,
  error         text,
  superseded_by bigint      REFERENCES dwh.loads,
  CONSTRAINT loads_one_end CHECK (finished_at IS NULL OR failed_at IS NULL),
  CONSTRAINT loads_end_has_identity CHECK (finished_at IS NULL OR (bytes IS NOT NULL AND sha256 IS NOT NULL)),
  CONSTRAINT loads_failure_has_code CHECK ((failed_at IS NULL) = (error_code IS NULL)),
  CONSTRAINT loads_superseded_is_finished CHECK (superseded_by IS NULL OR finished_at IS NOT NULL)
);
COMMENT ON TABLE  dwh.loads          IS 'Attempts to load one input into one table. Finished ones stay for ever: what they name is loaded once.';
COMMENT ON COLUMN dwh.loads.run      IS 'NULL once the run is forgotten.';
COMMENT ON COLUMN dwh.loads.input    IS 'The name of the file, for people: its identity is bytes, sha256 and mapping.';
COMMENT ON COLUMN dwh.loads.header   IS 'The first line of the input, with its line end, where it names the columns.';
COMMENT ON COLUMN dwh.loads.reading  IS 'How its rejects are read again: format, delimiter, quote, escape, header, columns, encoding, nullText, decimalComma.';
COMMENT ON COLUMN dwh.loads.bytes    IS 'Size of the input as it is stored; NULL until it is known.';
COMMENT ON COLUMN dwh.loads.sha256   IS 'Hexadecimal hash of those bytes; NULL until it is known.';
COMMENT ON COLUMN dwh.loads.mapping  IS 'Hash of what turns the input into rows.';
COMMENT ON COLUMN dwh.loads.landing  IS 'Tables of this attempt, quoted: to be dropped when it died. Empty once it has ended.';
COMMENT ON COLUMN dwh.loads.leaves   IS 'For each leaf that was written its name, and its rows and hash where they were proved.';
COMMENT ON COLUMN dwh.loads.superseded_by IS 'The later load of the same content, which --again asked for.';
-- The same content is loaded once: of two attempts that finish together the second is refused.
CREATE UNIQUE INDEX loads_once ON dwh.loads (schema_name, table_name, bytes, sha256, mapping)
  WHERE finished_at IS NOT NULL AND superseded_by IS NULL;
CREATE INDEX loads_open ON dwh.loads (schema_name, table_name) WHERE finished_at IS NULL AND failed_at IS NULL;
-- Runs are forgotten one by one, and each looks for its loads.
CREATE INDEX loads_run ON dwh.loads (run);

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

CREATE TABLE dwh.rejects (
  load        bigint NOT NULL REFERENCES dwh.loads ON DELETE CASCADE,
  record      bigint NOT NULL,
  line        bigint NOT NULL,
  byte_offset bigint NOT NULL,
  original    bytea  NOT NULL,
  reasons     jsonb  NOT NULL,
  replayed_by bigint REFERENCES dwh.loads ON DELETE SET NULL,
  PRIMARY KEY (load, record),
  CONSTRAINT rejects_have_reasons CHECK (jsonb_typeof(reasons) = 'array' AND reasons <> '[]')
);
COMMENT ON TABLE  dwh.rejects             IS 'Rows of an input that were refused.';
COMMENT ON COLUMN dwh.rejects.record      IS 'Its number in the input, from 1.';
COMMENT ON COLUMN dwh.rejects.line        IS 'The line on which it begins, from 1; of Parquet its row.';
COMMENT ON COLUMN dwh.rejects.byte_offset IS 'Bytes before it in the unpacked input; of Parquet the rows before it.';
COMMENT ON COLUMN dwh.rejects.original    IS 'Its bytes as they stand in the input, in the encoding of the input.';
COMMENT ON COLUMN dwh.rejects.reasons     IS 'Every reason: {kind, column?, message, sqlstate?, constraint?}.';
COMMENT ON COLUMN dwh.rejects.replayed_by IS 'The load that it was handed on to: there it is a row, or a reject again.';
CREATE INDEX rejects_replayed ON dwh.rejects (replayed_by) WHERE replayed_by IS NOT NULL;

-- Down Migration

DROP TABLE dwh.rejects;
DROP VIEW dwh.load_states;
DROP TABLE dwh.loads;
COMMENT ON SCHEMA dwh IS 'The ledger of dwh: runs, events, leases, migrations, conversions.';
