-- Completes a seal with what the catalogue says now.
-- $1 seal, $2 evidence
-- Locks: ROW EXCLUSIVE on dwh.seals.
UPDATE dwh.seals SET evidence = $2::jsonb WHERE seal = $1::uuid
