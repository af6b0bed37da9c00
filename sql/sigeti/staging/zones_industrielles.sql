-- Industrial estates, as SIGETI has them. Runs on SIGETI's own server.
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
