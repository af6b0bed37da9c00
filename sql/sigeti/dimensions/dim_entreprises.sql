-- Companies, with the key of their branch. Runs on the warehouse itself, behind staging.
SELECT e.entreprise_id, e.raison_sociale, e.registre_commerce, e.forme_juridique, e.adresse, e.telephone, e.email,
       d.domaine_key, e.created_at, e.updated_at
  FROM dwh_staging.entreprises AS e
  LEFT JOIN dwh_dim.dim_domaines_activites AS d ON d.domaine_id = e.domaine_id
