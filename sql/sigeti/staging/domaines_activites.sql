-- Branches of business, as SIGETI has them. Runs on SIGETI's own server, whose names of the table and of
-- columns (on the left of AS) are assumed.
SELECT id AS domaine_id,
       code AS code_secteur,
       libelle AS nom_domaine,
       description,
       created_at,
       updated_at
  FROM public.domaines_activites
