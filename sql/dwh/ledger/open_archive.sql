-- Writes down that a leaf lies in files; a draft of the same leaf that was never proved is replaced.
-- $1 run, $2 warehouse, $3 dataset, $4 parent, $5 leaf, $6 bounds, $7 folder, $8 sha256 of the manifest, $9 bytes, $10 rows,
-- $11, $12 hashes, $13 algorithm, $14 format: parquet or pg_dump
-- Locks: ROW EXCLUSIVE on dwh.archives.
INSERT INTO dwh.archives (run, warehouse, dataset, parent, leaf, bounds, format, folder, sha256, bytes, row_count, hash_1, hash_2,
                          algorithm, written_at)
VALUES ($1::bigint, $2::text, $3::text, $4::text, $5::text, $6::text, $14::text, $7::text, $8::text, $9::bigint, $10::bigint,
        $11::numeric, $12::numeric, $13::text, clock_timestamp())
    ON CONFLICT (warehouse, leaf) WHERE thawed_at IS NULL DO UPDATE
   SET run = excluded.run, dataset = excluded.dataset, parent = excluded.parent, bounds = excluded.bounds, format = excluded.format, folder = excluded.folder,
       sha256 = excluded.sha256, bytes = excluded.bytes, row_count = excluded.row_count, hash_1 = excluded.hash_1,
       hash_2 = excluded.hash_2, algorithm = excluded.algorithm, written_at = excluded.written_at, proved_at = NULL
 WHERE archives.detached_at IS NULL
RETURNING archive
