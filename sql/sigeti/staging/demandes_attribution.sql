-- Requests for a lot, as SIGETI has them. Runs on SIGETI's own server, whose names of the table and of
-- columns (on the left of AS) are assumed.
SELECT id AS attribution_id,
       entreprise_id,
       lot_id,
       date_demande::date AS date_demandee,
       date_approbation::date AS date_approbation,
       statut::text AS statut,
       superficie_demandee,
       superficie_attribuee,
       montant AS montant_attribution,
       observations,
       documents::jsonb AS documents,
       created_at,
       updated_at
  FROM public.demandes_attribution
