-- Lots, with the key of their estate. Runs on the warehouse itself, behind staging.
SELECT l.lot_id, z.zone_key, l.numero_lot, l.superficie, l.prix, l.statut, l.created_at, l.updated_at
  FROM dwh_staging.lots AS l
  LEFT JOIN dwh_dim.dim_zones_industrielles AS z ON z.zone_id = l.zone_id
