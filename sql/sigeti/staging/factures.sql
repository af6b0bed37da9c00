-- Invoices, as SIGETI has them. Runs on SIGETI's own server, whose names of the table and of
-- columns (on the left of AS) are assumed.
SELECT id AS facture_id,
       numero AS numero_facture,
       entreprise_id,
       lot_id,
       date_facture::date AS date_facture,
       date_echeance::date AS date_echeance,
       statut::text AS statut,
       montant_total,
       montant_paye,
       created_at,
       updated_at
  FROM public.factures
