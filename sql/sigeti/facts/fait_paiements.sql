-- Payments, with the key of the company. Runs on the warehouse itself, behind staging.
SELECT p.paiement_id, p.facture_id, e.entreprise_key,
       to_char(p.date_paiement, 'YYYYMMDD')::integer AS date_paiement_key,
       p.mode_paiement, p.statut, p.montant, p.created_at, p.updated_at
  FROM dwh_staging.paiements AS p
  LEFT JOIN dwh_dim.dim_entreprises AS e ON e.entreprise_id = p.entreprise_id
