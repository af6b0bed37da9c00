import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BackupOptions, createBackup } from '../../../src/backup/create.ts'
import { type Manifest, readManifest, writeManifest } from '../../../src/backup/manifest.ts'
import { wholeDatabase } from '../../../src/backup/scope.ts'
import { ensureLedger } from '../../../src/migrate/apply.ts'
import { ident } from '../../../src/postgres/identifiers.ts'
import { Session } from '../../../src/postgres/session.ts'
import type { Target } from '../../../src/postgres/target.ts'
import { type CliOptions, type CliResult, dwh } from '../../support/cli.ts'
import { freshDatabase } from '../../support/database.ts'
import { server as first, type TestServer } from '../../support/servers.ts'
import { targetEnvironment } from '../../support/warehouse.ts'
import { quietWork } from '../../support/work.ts'

/** 63 bytes, with what could end a string, an identifier, a path or a line. */
const strange = `a "b" 'c' \\d; --\n$dwh$ 100% ../e = `
const oddName = ident(strange + 'x'.repeat(63 - strange.length))

/** One table of everything that could be lost between a backup and a restore; a ledger with a run, and leaves. */
export async function richDatabase(session: Session): Promise<void> {
  await ensureLedger(session, quietWork())
  await session.run(`
    CREATE TYPE public.mood AS ENUM ('sad', 'ok', 'happy');
    CREATE DOMAIN public.percent AS numeric CHECK (VALUE BETWEEN 0 AND 100);
    CREATE TYPE public.pair AS (a int, b text);
    CREATE SCHEMA "Odd ""schema""";
    CREATE SEQUENCE public.loose START 40 INCREMENT 2;
    CREATE FUNCTION public.twice(n int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 * 2';
    CREATE TABLE public.things (
      id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      small real, large double precision, exact numeric, bytes bytea, feeling public.mood, share public.percent,
      two public.pair, list int[], doc jsonb, at timestamptz, span interval, note text,
      doubled int GENERATED ALWAYS AS (octet_length(note) * 2) STORED
    );
    COMMENT ON TABLE public.things IS 'it''s all here';
    COMMENT ON COLUMN public.things.note IS E'two\\nlines';
    INSERT INTO public.things (small, large, exact, bytes, feeling, share, two, list, doc, at, span, note) VALUES
      ('NaN', 'infinity', 'NaN', '\\x00ff0a0d5c2e', 'ok', 12.50, (1, 'x'), '{1,NULL,3}', '{"a": 1.50}', 'infinity', '1 mon -1 day', E'tab\\tnewline\\nback\\\\slash'),
      ('-infinity', 1e-300, 1.10, '', 'happy', 100, (NULL, ''), '{}', 'null', '-infinity', '24:00', ''),
      (0.1, '-0', 'infinity', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
      (1, 2, 3, NULL, 'sad', 0, NULL, NULL, '[]', '2024-02-29 12:00:00.123456+00', '1 day', E'\\\\.\\n\\\\N');
    CREATE INDEX things_note ON public.things (lower(note)) WHERE note IS NOT NULL;
    CREATE STATISTICS public.things_stats ON small, large FROM public.things;
    CREATE TABLE "Odd ""schema""".${oddName} (a int, "b" text, PRIMARY KEY (a));
    INSERT INTO "Odd ""schema""".${oddName} SELECT n, 'row ' || n FROM generate_series(1, 100) AS n;
    CREATE TABLE public.nothing ();
    INSERT INTO public.nothing DEFAULT VALUES;
    CREATE TABLE public.facts (day date NOT NULL, thing bigint REFERENCES public.things, amount int CHECK (amount >= 0), label text) PARTITION BY RANGE (day);
    CREATE TABLE public.facts_2022 PARTITION OF public.facts FOR VALUES FROM ('2022-01-01') TO ('2023-01-01');
    CREATE TABLE public.facts_2023 PARTITION OF public.facts FOR VALUES FROM ('2023-01-01') TO ('2024-01-01');
    CREATE TABLE public.facts_2024 PARTITION OF public.facts FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
    CREATE TABLE public.facts_rest PARTITION OF public.facts DEFAULT;
    INSERT INTO public.facts SELECT date '2022-01-01' + n % 1100, 1 + n % 4, n, 'fact ' || n FROM generate_series(0, 9999) AS n;
    CREATE INDEX facts_day ON public.facts (day);
    CREATE UNIQUE INDEX facts_unique ON public.facts (day, amount);
    CREATE VIEW public.seen AS SELECT id, note FROM public.things;
    CREATE MATERIALIZED VIEW public.totals AS SELECT day, sum(amount) AS total FROM public.facts GROUP BY day;
    CREATE UNIQUE INDEX totals_day ON public.totals (day);
    CREATE FUNCTION public.stamp() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.note := NEW.note; RETURN NEW; END';
    CREATE TRIGGER things_stamp BEFORE UPDATE ON public.things FOR EACH ROW EXECUTE FUNCTION public.stamp();
    ALTER TABLE public.facts ENABLE ROW LEVEL SECURITY;
    CREATE POLICY facts_all ON public.facts USING (amount >= 0);
    GRANT SELECT ON public.things TO PUBLIC;
    SELECT nextval('public.loose'), nextval('public.loose');
    SELECT lo_from_bytea(0, '\\xdeadbeef');
    INSERT INTO dwh.runs (command, words, version, host, os_user, os_pid, backend_pid, backend_start, ended_at, exit_code)
      VALUES ('load', '{load}', '0', 'h', 'u', 1, 1, now(), now(), 0);
    ANALYZE`)
}

/** A database of one test with a folder of backups and one backup; whatever restores have made beside goes with it. */
export interface Site extends AsyncDisposable {
  name: string
  target: Target
  folder: string
  /** Name of the backup. */
  backup: string
  manifest: Manifest
  open(database?: string): Promise<Session>
  /** Of this test, in the order of their names. */
  databases(): Promise<string[]>
}

export interface SiteOptions {
  template: string
  server?: TestServer
  /** On the new database, before it is backed up; a session elsewhere may rename it. */
  prepare?: (session: Session) => Promise<unknown>
  backup?: Partial<BackupOptions>
}

export async function restoreSite({ template, server = first, prepare, backup }: SiteOptions): Promise<Site> {
  const folder = mkdtempSync(join(tmpdir(), 'backups-'))
  const { name, target } = await freshDatabase(server, { template })
  const open = (database = name) => Session.open({ ...target, database }, 'dwh test', quietWork())
  const databases = async () => {
    await using session = await server.open()
    const rows = await session.rows<{ name: string }>(
      'SELECT datname AS name FROM pg_database WHERE starts_with(datname, $1) ORDER BY 1',
      [name],
    )
    return rows.map((row) => row.name)
  }
  await using session = await open()
  await prepare?.(session)
  const made = await createBackup(session, quietWork(), {
    ...{ folder, name: 'test', scope: wholeDatabase, jobs: 2, compression: 'zstd', run: null },
    ...backup,
  })
  return {
    ...{ name, target, folder, backup: made.name, manifest: made.manifest, open, databases },
    [Symbol.asyncDispose]: async () => {
      rmSync(folder, { recursive: true, force: true })
      await using other = await server.open()
      for (const one of await databases()) await other.run(`DROP DATABASE ${ident(one)} WITH (FORCE)`)
    },
  }
}

/** Runs `dwh restore` on a site, by the name of its backup unless `words` begin with something else. */
export async function restore(
  site: Site,
  words: string[] = [],
  options: CliOptions = {},
): Promise<CliResult> {
  return dwh(restoreWords(site, words), restoreOptions(site, options))
}

export function restoreWords({ folder, backup }: Site, words: string[]): string[] {
  const which = words.some((word) => ['--undo', '--finish', '--latest'].includes(word)) ? [] : [backup]
  return ['restore', ...which, '--folder', folder, '--yes', ...words]
}

export function restoreOptions({ target, folder }: Site, options: CliOptions = {}): CliOptions {
  return { cwd: folder, ...options, env: { ...targetEnvironment(target), ...options.env } }
}

/** A database as pg_dump tells it, its settings, grants and comment too, under a name of its own. */
export function dumped({ target }: Site, database: string): string {
  const { PGHOST, PGPORT, PGUSER } = targetEnvironment(target) as Record<string, string>
  const text = execFileSync('pg_dump', ['--create', `--dbname=${database}`], {
    env: { ...process.env, PGHOST, PGPORT, PGUSER },
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  })
  return text.replaceAll(database, 'the_database').replace(/^\\(un)?restrict .*$/gm, '')
}

/** Changes what a manifest says and writes it down with its hashes, as somebody could who makes an archive to deceive. */
export async function forge({ folder, backup }: Site, change: (manifest: Manifest) => void): Promise<void> {
  const path = join(folder, backup)
  const manifest = await readManifest(path)
  change(manifest)
  await writeManifest(path, manifest)
}
