-- Upkeep: what each task did, what was due and what became of it, who was told, what lies in the archive, how leaves grow.

-- Up Migration

COMMENT ON SCHEMA dwh IS 'The ledger of dwh: runs, events, leases, migrations, conversions, loads, rejects, seals, restored leaves, backfills, chunks, results of checks, tasks, jobs, slots, alerts, archives, sizes.';

CREATE TABLE dwh.tasks (
  task         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  run          bigint      NOT NULL REFERENCES dwh.runs ON DELETE CASCADE,
  warehouse    text        NOT NULL,
  name         text        NOT NULL,
  subject      text,
  started_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  ended_at     timestamptz,
  outcome      text,
  reason       text,
  error_code   text,
  before       jsonb,
  after        jsonb,
  CONSTRAINT tasks_end_has_outcome CHECK ((ended_at IS NULL) = (outcome IS NULL)),
  CONSTRAINT tasks_outcome CHECK (outcome IN ('done', 'nothing', 'skipped', 'stopped', 'failed'))
);
COMMENT ON TABLE  dwh.tasks         IS 'One task of maintenance on one subject. A task without an end belongs to a run that works, or has died.';
COMMENT ON COLUMN dwh.tasks.name    IS 'partitions, vacuum, freeze, rewrite, reindex, retention, checks, report.';
COMMENT ON COLUMN dwh.tasks.subject IS 'A table or index, quoted with its schema, or a dataset; NULL where it is the whole warehouse.';
COMMENT ON COLUMN dwh.tasks.outcome IS 'done; nothing (there was nothing to do); skipped (could not be begun, see reason); stopped (timeout, end of the window, Ctrl-C); failed.';
COMMENT ON COLUMN dwh.tasks.before  IS 'What was measured before: bytes, rows, dead rows, bloat.';
COMMENT ON COLUMN dwh.tasks.after   IS 'The same measured afterwards, and what was freed.';
CREATE INDEX tasks_run  ON dwh.tasks (run);
CREATE INDEX tasks_last ON dwh.tasks (warehouse, name, subject, task);

CREATE TABLE dwh.jobs (
  warehouse  text        NOT NULL,
  job        text        NOT NULL,
  definition jsonb       NOT NULL,
  known_from timestamptz NOT NULL DEFAULT clock_timestamp(),
  planned_to timestamptz NOT NULL DEFAULT clock_timestamp(),
  seen_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  paused_at  timestamptz,
  paused_by  text,
  gone_at    timestamptz,
  PRIMARY KEY (warehouse, job)
);
COMMENT ON TABLE  dwh.jobs            IS 'Jobs of schedules, as a daemon has read them last.';
COMMENT ON COLUMN dwh.jobs.known_from IS 'Due times before it are nobody''s: the job, or its present times, did not exist.';
COMMENT ON COLUMN dwh.jobs.planned_to IS 'Every due time up to it has its row in slots.';
COMMENT ON COLUMN dwh.jobs.gone_at    IS 'When the warehouse file was read without it.';

CREATE TABLE dwh.slots (
  slot       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  warehouse  text        NOT NULL,
  job        text        NOT NULL,
  due_at     timestamptz NOT NULL,
  planned_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  queued_at  timestamptz,
  started_at timestamptz,
  epoch      bigint,
  holder     text,
  attempts   integer     NOT NULL DEFAULT 0,
  commands_done integer  NOT NULL DEFAULT 0,
  run        bigint      REFERENCES dwh.runs ON DELETE SET NULL,
  runs       bigint[]    NOT NULL DEFAULT '{}',
  cancel_at  timestamptz,
  ended_at   timestamptz,
  outcome    text,
  reason     text,
  exit_code  integer,
  UNIQUE (warehouse, job, due_at),
  FOREIGN KEY (warehouse, job) REFERENCES dwh.jobs ON DELETE CASCADE,
  CONSTRAINT slots_end_has_outcome CHECK ((ended_at IS NULL) = (outcome IS NULL)),
  CONSTRAINT slots_outcome CHECK (outcome IN ('ran', 'late', 'skipped', 'missed')),
  CONSTRAINT slots_reason CHECK (outcome IS NULL OR outcome IN ('ran', 'late') OR reason IS NOT NULL)
);
COMMENT ON TABLE  dwh.slots           IS 'One due time of one job: each ends as ran, late, skipped or missed.';
COMMENT ON COLUMN dwh.slots.planned_at IS 'When somebody first saw that it was due: late where nobody was there.';
COMMENT ON COLUMN dwh.slots.queued_at IS 'Since when it waits for the one before it, or for another daemon.';
COMMENT ON COLUMN dwh.slots.epoch     IS 'Of the lease `slot N` under which it was started last.';
COMMENT ON COLUMN dwh.slots.attempts  IS 'How often it was started: more than once where a daemon died.';
COMMENT ON COLUMN dwh.slots.commands_done IS 'How many of its commands have succeeded.';
COMMENT ON COLUMN dwh.slots.run       IS 'Of the command that works, or worked last.';
COMMENT ON COLUMN dwh.slots.runs      IS 'Of all of its commands that record what they do, in the order in which they began.';
COMMENT ON COLUMN dwh.slots.cancel_at IS 'Since when its holder is to end it, because the next one is due.';
COMMENT ON COLUMN dwh.slots.outcome   IS 'ran and late tell when it was started, exit_code how it went; skipped by a policy or because the job was paused; missed: nobody was there.';
CREATE INDEX slots_open ON dwh.slots (warehouse, job, due_at) WHERE ended_at IS NULL;

CREATE TABLE dwh.alerts (
  alert           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  warehouse       text        NOT NULL,
  condition       text        NOT NULL,
  subject         text        NOT NULL DEFAULT '',
  message         text        NOT NULL,
  hint            text,
  opened_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
  seen_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
  resolved_at     timestamptz,
  told            jsonb       NOT NULL DEFAULT '{}',
  CONSTRAINT alerts_condition CHECK (condition IN ('failure', 'missed', 'runway', 'drill', 'disk', 'silence'))
);
COMMENT ON TABLE  dwh.alerts      IS 'What people were told, once while it lasts, and once when it is over.';
COMMENT ON COLUMN dwh.alerts.told IS 'By channel (webhook, mail, command): opened_at, resolved_at, tries, next_try_at, error.';
CREATE UNIQUE INDEX alerts_open ON dwh.alerts (warehouse, condition, subject) WHERE resolved_at IS NULL;

CREATE TABLE dwh.archives (
  archive      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  run          bigint      NOT NULL,
  warehouse    text        NOT NULL,
  dataset      text        NOT NULL,
  parent       text        NOT NULL,
  leaf         text        NOT NULL,
  aside        text,
  bounds       text        NOT NULL,
  format       text        NOT NULL,
  folder       text        NOT NULL,
  sha256       text,
  bytes        bigint,
  row_count    bigint,
  hash_1       numeric,
  hash_2       numeric,
  algorithm    text,
  written_at   timestamptz,
  proved_at    timestamptz,
  detached_at  timestamptz,
  keep_until   timestamptz,
  dropped_at   timestamptz,
  thawed_at    timestamptz,
  CONSTRAINT archives_format CHECK (format IN ('parquet', 'pg_dump')),
  CONSTRAINT archives_order CHECK ((dropped_at IS NULL OR detached_at IS NOT NULL) AND (detached_at IS NULL OR proved_at IS NOT NULL) AND (proved_at IS NULL OR written_at IS NOT NULL))
);
COMMENT ON TABLE  dwh.archives            IS 'Leaves in files. One is detached only after its files were restored and compared, and dropped only after it was compared once more.';
COMMENT ON COLUMN dwh.archives.leaf       IS 'Quoted, with its schema.';
COMMENT ON COLUMN dwh.archives.aside      IS 'What the detached leaf is called, quoted, with its schema.';
COMMENT ON COLUMN dwh.archives.bounds     IS 'The words of ATTACH PARTITION.';
COMMENT ON COLUMN dwh.archives.sha256     IS 'Of the manifest.';
COMMENT ON COLUMN dwh.archives.keep_until IS 'The detached leaf stays in the database until then.';
CREATE UNIQUE INDEX archives_current ON dwh.archives (warehouse, leaf) WHERE thawed_at IS NULL;

CREATE TABLE dwh.sizes (
  day         date   NOT NULL,
  warehouse   text   NOT NULL,
  leaf        text   NOT NULL,
  dataset     text   NOT NULL,
  row_count   bigint NOT NULL,
  heap_bytes  bigint NOT NULL,
  index_bytes bigint NOT NULL,
  toast_bytes bigint NOT NULL,
  dead_rows   bigint NOT NULL,
  PRIMARY KEY (warehouse, leaf, day)
);
COMMENT ON TABLE  dwh.sizes           IS 'How large each leaf was, once a day: for growth and for what is left of the disk.';
COMMENT ON COLUMN dwh.sizes.row_count IS 'As estimated by the server.';

CREATE VIEW dwh.slot_states AS
SELECT s.*,
       CASE
         WHEN s.outcome IN ('ran', 'late') AND s.exit_code IS DISTINCT FROM 0 THEN 'failed'
         WHEN s.outcome IS NOT NULL THEN s.outcome
         WHEN l.work IS NOT NULL THEN 'running'
         WHEN s.started_at IS NOT NULL THEN 'died'
         WHEN s.queued_at IS NOT NULL THEN 'queued'
         ELSE 'due'
       END AS state
  FROM dwh.slots AS s
  LEFT JOIN dwh.leases AS l
         ON s.ended_at IS NULL AND l.work = 'slot ' || s.slot AND l.expires_at > clock_timestamp()
        -- As in find_lease: the connection that renews it ends with its client.
        AND EXISTS (SELECT FROM pg_stat_activity AS a
                     WHERE a.pid = l.backend_pids[1]
                       AND coalesce(a.backend_start, l.backend_starts[1]) = l.backend_starts[1]);
COMMENT ON VIEW dwh.slot_states IS 'Slots with their state, derived: due, queued, running, died, ran, late, failed, skipped or missed.';

-- Down Migration

DROP VIEW dwh.slot_states;
DROP TABLE dwh.sizes, dwh.archives, dwh.alerts, dwh.slots, dwh.jobs, dwh.tasks;
COMMENT ON SCHEMA dwh IS 'The ledger of dwh: runs, events, leases, migrations, conversions, loads, rejects, seals, restored leaves, backfills, chunks, results of checks.';
