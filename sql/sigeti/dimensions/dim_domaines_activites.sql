-- Branches of business. Their keys are given here. Runs on the warehouse itself, behind staging.
SELECT domaine_id, code_secteur, nom_domaine, description, created_at, updated_at
  FROM dwh_staging.domaines_activites
