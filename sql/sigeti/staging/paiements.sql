-- Payments of invoices, as SIGETI has them. Runs on SIGETI's own server, whose names of the table and of
-- columns (on the left of AS) are assumed.
SELECT id AS paiement_id,
       facture_id,
       entreprise_id,
       date_paiement::date AS date_paiement,
       mode_paiement,
       statut::text AS statut,
       montant,
       created_at,
       updated_at
  FROM public.paiement_factures
