-- What the checks of data quality have found.

-- Up Migration

COMMENT ON SCHEMA dwh IS 'The ledger of dwh: runs, events, leases, migrations, conversions, loads, rejects, seals, restored leaves, backfills, chunks, results of checks.';

CREATE TABLE dwh.check_results (
  result      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  run         bigint      NOT NULL REFERENCES dwh.runs ON DELETE CASCADE,
  warehouse   text        NOT NULL,
  dataset     text        NOT NULL,
  check_name  text        NOT NULL,
  severity    text        NOT NULL,
  threshold   bigint      NOT NULL,
  days_from   date,
  days_to     date,
  state       text        NOT NULL,
  row_count   bigint,
  sample      jsonb       NOT NULL DEFAULT '[]',
  error_code  text,
  error       text,
  seconds     float8      NOT NULL,
  checked_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT check_results_severity CHECK (severity IN ('warning', 'error')),
  CONSTRAINT check_results_state CHECK (state IN ('passed', 'warned', 'failed', 'broken')),
  CONSTRAINT check_results_broken CHECK ((state = 'broken') = (row_count IS NULL) AND (state = 'broken') = (error_code IS NOT NULL))
);
COMMENT ON TABLE  dwh.check_results           IS 'One check of one run. They are forgotten with their run.';
COMMENT ON COLUMN dwh.check_results.threshold IS 'Offending rows that were accepted then.';
COMMENT ON COLUMN dwh.check_results.days_from IS 'With days_to the half-open interval of days that was asked for, by the zone of the policy; NULL where it had no such end.';
COMMENT ON COLUMN dwh.check_results.state     IS 'passed, warned (more rows than accepted, severity warning), failed (severity error), broken (the SQL could not be run).';
COMMENT ON COLUMN dwh.check_results.row_count IS 'All offending rows.';
COMMENT ON COLUMN dwh.check_results.sample    IS 'The first of them, as objects.';
-- Runs are forgotten one by one, and each looks for its results.
CREATE INDEX check_results_run  ON dwh.check_results (run);
CREATE INDEX check_results_last ON dwh.check_results (warehouse, dataset, check_name, result);

-- Down Migration

DROP TABLE dwh.check_results;
COMMENT ON SCHEMA dwh IS 'The ledger of dwh: runs, events, leases, migrations, conversions, loads, rejects, seals, restored leaves, backfills, chunks.';
