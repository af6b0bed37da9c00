-- Seven years of use. 15 % of the rows were updated, which leaves a dead row of each behind; then rows came that were
-- there already: corrections, repetitions, and old versions that somebody sent late.

UPDATE dwh_facts.fait_factures
   SET statut = 'payée', montant_paye = montant_total, delai_paiement_jours = 75, updated_at = updated_at + interval '20 days'
 WHERE facture_id % 20 IN (3, 11, 17);
UPDATE dwh_facts.fait_attributions
   SET statut = 'clôturée', observations = coalesce(observations, 'Clôturée à l''échéance.'), updated_at = updated_at + interval '30 days'
 WHERE attribution_id % 20 IN (3, 11, 17);
UPDATE dwh_facts.fait_paiements SET statut = 'rapproché', updated_at = updated_at + interval '20 days' WHERE paiement_id % 20 IN (3, 11, 17);

-- Two people had the same idea.
CREATE INDEX fait_factures_entreprise_key ON dwh_facts.fait_factures (entreprise_key);
CREATE INDEX idx_factures_entreprise ON dwh_facts.fait_factures (entreprise_key);

-- Of twenty repeated rows eleven are newer than the one that is there, seven are older, one is the same to the last value
-- but its number, and one (always newer) says that the day was another, a year before. Every tenth key comes a third time.
CREATE FUNCTION pg_temp.repeated(known bigint, n bigint) RETURNS TABLE (i bigint, key bigint, kind bigint) LANGUAGE sql IMMUTABLE
  AS $$ SELECT i, 1 + (CASE WHEN i % 10 = 0 THEN i - 1 ELSE i END * (known / greatest(n, 1) - 1) % known), i * 7 % 20 FROM generate_series(1, n) AS i $$;
CREATE FUNCTION pg_temp.recency(kind bigint, at timestamptz) RETURNS timestamptz LANGUAGE sql IMMUTABLE
  AS $$ SELECT at + CASE WHEN kind < 12 THEN interval '8 days' WHEN kind < 19 THEN interval '-3 days' ELSE interval '0' END $$;
CREATE FUNCTION pg_temp.year_before(key integer) RETURNS integer LANGUAGE sql IMMUTABLE
  AS $$ SELECT CASE WHEN key / 10000 > 2020 THEN to_char(to_date(key::text, 'YYYYMMDD') - 365, 'YYYYMMDD')::integer ELSE key END $$;

INSERT INTO dwh_facts.fait_factures (facture_id, numero_facture, entreprise_key, lot_key, date_facture_key, date_echeance_key, statut, montant_total,
                                     montant_paye, delai_paiement_jours, created_at, updated_at)
SELECT facture_id, numero_facture, entreprise_key, lot_key, CASE kind WHEN 0 THEN pg_temp.year_before(date_facture_key) ELSE date_facture_key END,
       date_echeance_key, CASE WHEN kind < 12 THEN 'rectifiée' ELSE statut END, montant_total + CASE WHEN kind < 12 THEN i ELSE 0 END, montant_paye,
       delai_paiement_jours, created_at, pg_temp.recency(kind, updated_at) + CASE WHEN i % 10 = 0 AND kind < 12 THEN interval '1 day' ELSE interval '0' END
  FROM size, pg_temp.repeated(factures, repeats) AS r JOIN dwh_facts.fait_factures ON facture_id = key
 ORDER BY i;
INSERT INTO dwh_facts.fait_attributions (attribution_id, entreprise_key, zone_key, lot_key, domaine_key, date_demandee_key, date_approbation_key, statut, superficie_demandee,
                                         superficie_attribuee, montant_attribution, delai_traitement_jours, observations, documents, created_at, updated_at)
SELECT attribution_id, entreprise_key, zone_key, lot_key, domaine_key, CASE kind WHEN 0 THEN pg_temp.year_before(date_demandee_key) ELSE date_demandee_key END,
       date_approbation_key, CASE WHEN kind < 12 THEN 'révisée' ELSE statut END, superficie_demandee, superficie_attribuee, montant_attribution,
       delai_traitement_jours, observations, documents, created_at, pg_temp.recency(kind, updated_at) + CASE WHEN i % 10 = 0 AND kind < 12 THEN interval '1 day' ELSE interval '0' END
  FROM size, pg_temp.repeated(demandes, demandes_repeated) AS r JOIN dwh_facts.fait_attributions ON attribution_id = key
 ORDER BY i;
