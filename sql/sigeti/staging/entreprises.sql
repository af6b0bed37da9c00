-- Companies, as SIGETI has them. Runs on SIGETI's own server, whose names of the table and of
-- columns (on the left of AS) are assumed.
SELECT id AS entreprise_id,
       raison_sociale,
       registre_commerce,
       forme_juridique,
       adresse,
       telephone,
       lower(email) AS email,
       domaine_activite_id AS domaine_id,
       created_at,
       updated_at
  FROM public.entreprises
