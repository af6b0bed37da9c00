-- Campaigns, with the key of the estate. Runs on the warehouse itself, behind staging.
SELECT c.collecte_id, z.zone_key,
       to_char(c.date_debut, 'YYYYMMDD')::integer AS date_debut_key,
       to_char(c.date_fin, 'YYYYMMDD')::integer AS date_fin_key,
       c.statut, c.montant_a_recouvrer, c.montant_recouvre, c.created_at, c.updated_at
  FROM dwh_staging.collectes AS c
  LEFT JOIN dwh_dim.dim_zones_industrielles AS z ON z.zone_id = c.zone_id
