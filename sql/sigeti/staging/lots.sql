-- Lots of the estates, as SIGETI has them. Runs on SIGETI's own server.
SELECT id AS lot_id,
       zone_industrielle_id AS zone_id,
       numero AS numero_lot,
       superficie,
       prix,
       statut::text AS statut,
       created_at,
       updated_at
  FROM public.lots
