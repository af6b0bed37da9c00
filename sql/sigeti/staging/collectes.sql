-- Campaigns that collect what is owed, as SIGETI has them. Runs on SIGETI's own server, whose names of the table and of
-- columns (on the left of AS) are assumed.
SELECT id AS collecte_id,
       zone_industrielle_id AS zone_id,
       date_debut::date AS date_debut,
       date_fin::date AS date_fin,
       statut::text AS statut,
       montant_a_recouvrer,
       montant_recouvre,
       created_at,
       updated_at
  FROM public.collectes
