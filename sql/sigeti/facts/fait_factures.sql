-- Invoices: the keys of company and lot, and how long the last payment took. Runs on the warehouse itself, behind staging.
SELECT f.facture_id, f.numero_facture, e.entreprise_key, l.lot_key,
       to_char(f.date_facture, 'YYYYMMDD')::integer AS date_facture_key,
       to_char(f.date_echeance, 'YYYYMMDD')::integer AS date_echeance_key,
       f.statut, f.montant_total, f.montant_paye,
       p.date_paiement - f.date_facture AS delai_paiement_jours,
       f.created_at, greatest(f.updated_at, p.updated_at) AS updated_at
  FROM dwh_staging.factures AS f
  LEFT JOIN dwh_dim.dim_entreprises AS e ON e.entreprise_id = f.entreprise_id
  LEFT JOIN dwh_dim.dim_lots AS l ON l.lot_id = f.lot_id
  LEFT JOIN (SELECT facture_id, max(date_paiement) AS date_paiement, max(updated_at) AS updated_at
               FROM dwh_staging.paiements
              GROUP BY facture_id) AS p ON p.facture_id = f.facture_id
