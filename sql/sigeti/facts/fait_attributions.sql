-- Requests for a lot: the keys of company, lot, estate and branch, and how long the decision took. Runs on the warehouse itself, behind staging.
SELECT a.attribution_id, e.entreprise_key, l.zone_key, l.lot_key, e.domaine_key,
       to_char(a.date_demandee, 'YYYYMMDD')::integer AS date_demandee_key,
       to_char(a.date_approbation, 'YYYYMMDD')::integer AS date_approbation_key,
       a.statut, a.superficie_demandee, a.superficie_attribuee, a.montant_attribution,
       a.date_approbation - a.date_demandee AS delai_traitement_jours,
       a.observations, a.documents, a.created_at, a.updated_at
  FROM dwh_staging.demandes_attribution AS a
  LEFT JOIN dwh_dim.dim_entreprises AS e ON e.entreprise_id = a.entreprise_id
  LEFT JOIN dwh_dim.dim_lots AS l ON l.lot_id = a.lot_id
