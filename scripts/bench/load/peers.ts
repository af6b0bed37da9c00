import { join } from 'node:path'
import { columns } from './rows.ts'
import { indexes, months } from './targets.ts'

/** `psql` with one command: the file as it is into a table. */
export function copy(table: string, file: string): string {
  return `\\copy ${table} FROM '${file}' (FORMAT csv, HEADER)`
}

const staging = (file: string) => `
  CREATE UNLOGGED TABLE public.staging (LIKE public.measure);
  ${copy('public.staging', file)}
`

const newestOfEach = (table: string) =>
  `SELECT DISTINCT ON (station_code, ts, param_code) ${columns} FROM ${table} ORDER BY station_code, ts, param_code, created_at DESC`

/** What most people type: everything into staging, and from there into the table, newest first. */
export const naive = (file: string) => `
  ${staging(file)}
  INSERT INTO public.measure ${newestOfEach('public.staging')} ON CONFLICT DO NOTHING;
  DROP TABLE public.staging;
`

/** The same into a table that holds some of the keys, whose rows are replaced where they are older. */
export const naiveMerge = (file: string) => `
  ${staging(file)}
  INSERT INTO public.measure ${newestOfEach('public.staging')}
      ON CONFLICT (station_code, ts, param_code) DO UPDATE
         SET theme = excluded.theme, value = excluded.value, quality = excluded.quality, source = excluded.source, created_at = excluded.created_at
       WHERE excluded.created_at > measure.created_at;
  DROP TABLE public.staging;
`

/** What an expert types: deduplicate once, update only what is older, insert only what is missing. */
export const mergeByHand = (file: string) => `
  ${staging(file)}
  CREATE UNLOGGED TABLE public.newest AS ${newestOfEach('public.staging')};
  ANALYZE public.newest;
  BEGIN;
  UPDATE public.measure AS m
     SET theme = n.theme, value = n.value, quality = n.quality, source = n.source, created_at = n.created_at
    FROM public.newest AS n
   WHERE (m.station_code, m.ts, m.param_code) = (n.station_code, n.ts, n.param_code) AND m.created_at < n.created_at;
  INSERT INTO public.measure
  SELECT * FROM public.newest AS n
   WHERE NOT EXISTS (SELECT FROM public.measure AS m WHERE (m.station_code, m.ts, m.param_code) = (n.station_code, n.ts, n.param_code));
  COMMIT;
  DROP TABLE public.staging, public.newest;
`

/** Leaves that are filled aside take the place of the empty ones, all at once. */
const exchange = `
BEGIN;
SELECT format('ALTER TABLE public.measure DETACH PARTITION public.measure_%s', suffix),
       format('DROP TABLE public.measure_%s', suffix),
       format('ALTER TABLE public.aside_%s RENAME TO measure_%1$s', suffix),
       format('ALTER TABLE public.measure ATTACH PARTITION public.measure_%s FOR VALUES FROM (%L) TO (%L)', suffix, low, high)
  FROM ${months} \\gexec
COMMIT;
`

const addBound = `ALTER TABLE public.aside_%1$s ADD CONSTRAINT bound CHECK (ts >= %2$L AND ts < %3$L)`

/** Does the statements with %1$s, %2$L and %3$L (suffix, bounds) for every month, on two connections at once. */
const onTwoConnections = (statements: string[]) => `jobs=()
for half in 0 1; do
  $psql -v half=$half <<'SQL' &
SET max_parallel_workers_per_gather = 0; SET max_parallel_maintenance_workers = 0;
SELECT ${statements.map((statement) => `format($format$${statement}$format$, suffix, low, high)`).join(',\n       ')}
  FROM ${months} WHERE extract(month FROM low)::int % 2 = :half \\gexec
SQL
  jobs[half]=$!
done
wait "\${jobs[0]}"
wait "\${jobs[1]}"
`

const shell = (steps: string[]) => ['set -eu', "psql='psql -Xq -v ON_ERROR_STOP=1'", ...steps].join('\n')
const sql = (script: string) => `$psql <<'SQL'\n${script}\nSQL`

/** A parent without indexes whose leaves take the rows, named `<name>_2023_01` and so on. */
const parentWithout = (name: string, unlogged = '') => `
CREATE TABLE public.${name} (LIKE public.measure) PARTITION BY RANGE (ts);
SELECT format('CREATE ${unlogged} TABLE public.${name}_%s PARTITION OF public.${name} FOR VALUES FROM (%L) TO (%L)', suffix, low, high)
  FROM ${months} \\gexec
`

/** A shell script: staging by month, leaves built from it aside on two connections, then exchanged. */
export const asideThroughStaging = (file: string) =>
  shell([
    sql(`${parentWithout('staging', 'UNLOGGED')}\n${copy('public.staging', file)}`),
    onTwoConnections([
      'CREATE TABLE public.aside_%1$s (LIKE public.measure)',
      `INSERT INTO public.aside_%1$s ${newestOfEach('public.staging_%1$s')}`,
      ...indexes('public.aside_%1$s'),
      addBound,
    ]),
    sql(`${exchange}DROP TABLE public.staging;`),
  ])

/** A shell script: each row goes once to its leaf, by two COPYs at once, and older rows are deleted there. */
export const asideOnce = (file: string) =>
  shell([
    sql(parentWithout('shadow')),
    `file='${file}'`,
    // Where the line ends that stands in the middle of the file.
    'middle=$(( $(stat -c %s "$file") / 2 ))',
    'cut=$(( middle + $(tail -c +$((middle + 1)) "$file" | head -n 1 | wc -c) ))',
    `head -c "$cut" "$file" | $psql -c '\\copy public.shadow FROM pstdin (FORMAT csv, HEADER)' & first=$!`,
    `tail -c +$((cut + 1)) "$file" | $psql -c '\\copy public.shadow FROM pstdin (FORMAT csv)' & second=$!`,
    'wait "$first"',
    'wait "$second"',
    sql(`BEGIN;
SELECT format('ALTER TABLE public.shadow DETACH PARTITION public.shadow_%s', suffix),
       format('ALTER TABLE public.shadow_%s RENAME TO aside_%1$s', suffix)
  FROM ${months} \\gexec
DROP TABLE public.shadow;
COMMIT;`),
    onTwoConnections([
      `DELETE FROM public.aside_%1$s AS old
        USING (SELECT station_code, ts, param_code, max(created_at) AS newest FROM public.aside_%1$s
                GROUP BY station_code, ts, param_code HAVING count(*) > 1) AS several
        WHERE (old.station_code, old.ts, old.param_code) = (several.station_code, several.ts, several.param_code)
          AND old.created_at < several.newest`,
      ...indexes('public.aside_%1$s'),
      addBound,
    ]),
    sql(exchange),
  ])

/** A command file of pgloader. */
export const pgloader = (file: string, { PGHOST, PGPORT, PGUSER, PGDATABASE }: Record<string, string>) => `
LOAD CSV FROM '${file}' (${columns})
  INTO postgresql://${PGUSER}@unix:${PGHOST}:${PGPORT}/${PGDATABASE}
  TARGET TABLE public.measure (${columns})
  WITH skip header = 1, fields terminated by ',';
`

/** Where pg_dump puts what pg_restore takes. */
export const dumpFolder = (folder: string) => join(folder, 'dump')
