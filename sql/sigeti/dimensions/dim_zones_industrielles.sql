-- Industrial estates. Their keys are given here. Runs on the warehouse itself, behind staging.
SELECT zone_id, code_zone, nom_zone, localisation, description, superficie_totale, statut, created_at, updated_at
  FROM dwh_staging.zones_industrielles
