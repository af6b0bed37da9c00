-- Lots of the estates, as SIGETI has them. Runs on SIGETI's own server, whose names of the table and of
-- columns (on the left of AS) are assumed.
SELECT id AS lot_id,
       zone_industrielle_id AS zone_id,
       numero AS numero_lot,
       superficie,
       prix,
       statut::text AS statut,
       created_at,
       updated_at
  FROM public.lots
