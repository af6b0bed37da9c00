-- Industrial estates, as SIGETI has them. Runs on SIGETI's own server, whose names of the table and of
-- columns (on the left of AS) are assumed.
SELECT id AS zone_id,
       code AS code_zone,
       libelle AS nom_zone,
       adresse AS localisation,
       description,
       superficie AS superficie_totale,
       statut::text AS statut,
       created_at,
       updated_at
  FROM public.zones_industrielles
