-- Everything that hangs on the facts, and that whoever swaps a table must not lose.

CREATE VIEW dwh_marts.v_factures_ouvertes AS
SELECT f.facture_id, f.numero_facture, e.raison_sociale, f.date_facture_key, f.montant_total - f.montant_paye AS reste_dû
  FROM dwh_facts.fait_factures AS f JOIN dwh_dim.dim_entreprises AS e USING (entreprise_key)
 WHERE f.statut IN ('impayée', 'partiellement réglée', 'en contentieux');
CREATE VIEW dwh_marts.v_impayés_par_entreprise AS
SELECT raison_sociale, count(*) AS factures, sum(reste_dû) AS reste_dû FROM dwh_marts.v_factures_ouvertes GROUP BY raison_sociale;
CREATE VIEW dwh_marts.v_délais_de_traitement AS
SELECT z.nom_zone, a.statut, count(*) AS demandes, avg(a.delai_traitement_jours) AS délai_moyen
  FROM dwh_facts.fait_attributions AS a JOIN dwh_dim.dim_zones_industrielles AS z USING (zone_key) GROUP BY z.nom_zone, a.statut;
CREATE MATERIALIZED VIEW dwh_marts.mv_recettes_mensuelles AS
SELECT date_facture_key / 100 AS mois, count(*) AS factures, sum(montant_total) AS facturé, sum(montant_paye) AS réglé
  FROM dwh_facts.fait_factures GROUP BY 1;
CREATE UNIQUE INDEX mv_recettes_mensuelles_mois ON dwh_marts.mv_recettes_mensuelles (mois);
COMMENT ON VIEW dwh_marts.v_impayés_par_entreprise IS 'Ce que chaque entreprise doit encore';
COMMENT ON MATERIALIZED VIEW dwh_marts.mv_recettes_mensuelles IS 'Recettes par mois, rafraîchies la nuit';

ALTER TABLE dwh_facts.fait_factures ADD CONSTRAINT fait_factures_entreprise_fk FOREIGN KEY (entreprise_key) REFERENCES dwh_dim.dim_entreprises;
ALTER TABLE dwh_facts.fait_attributions ADD CONSTRAINT fait_attributions_lot_fk FOREIGN KEY (lot_key) REFERENCES dwh_dim.dim_lots;
ALTER TABLE dwh_facts.fait_factures ADD CONSTRAINT fait_factures_montant_positif CHECK (montant_total >= 0);

CREATE FUNCTION dwh_facts.horodater() RETURNS trigger LANGUAGE plpgsql
  AS $$ BEGIN NEW.updated_at := greatest(NEW.updated_at, now()); RETURN NEW; END $$;
CREATE TRIGGER fait_factures_horodatage BEFORE UPDATE ON dwh_facts.fait_factures FOR EACH ROW EXECUTE FUNCTION dwh_facts.horodater();
COMMENT ON TRIGGER fait_factures_horodatage ON dwh_facts.fait_factures IS 'Une ligne modifiée est datée du jour';

-- Roles belong to the whole server, where another database may have made it.
DO $$ BEGIN
  IF to_regrole('sigeti_lecture') IS NULL THEN CREATE ROLE sigeti_lecture NOLOGIN; END IF;
END $$;
GRANT USAGE ON SCHEMA dwh_dim, dwh_facts, dwh_marts TO sigeti_lecture;
GRANT SELECT ON ALL TABLES IN SCHEMA dwh_dim, dwh_facts, dwh_marts TO sigeti_lecture;
ALTER DEFAULT PRIVILEGES IN SCHEMA dwh_facts GRANT SELECT ON TABLES TO sigeti_lecture;
ALTER TABLE dwh_facts.fait_attributions ENABLE ROW LEVEL SECURITY;
CREATE POLICY fait_attributions_sans_annulées ON dwh_facts.fait_attributions FOR SELECT TO sigeti_lecture USING (statut <> 'annulée');

CREATE STATISTICS dwh_facts.fait_factures_statut_montants (ndistinct, dependencies) ON statut, montant_paye, delai_paiement_jours FROM dwh_facts.fait_factures;
ALTER TABLE dwh_facts.fait_factures ALTER COLUMN entreprise_key SET STATISTICS 120;

SET client_min_messages = error; -- a server whose wal_level is too low for subscribers says so
CREATE PUBLICATION sigeti_factures FOR TABLE dwh_facts.fait_factures WITH (publish = 'insert', publish_via_partition_root = true);
RESET client_min_messages;

COMMENT ON COLUMN dwh_facts.fait_factures.fait_id IS 'Numéro de la ligne, donné au chargement';
COMMENT ON COLUMN dwh_facts.fait_factures.montant_total IS 'Francs CFA, toutes taxes comprises';
COMMENT ON COLUMN dwh_facts.fait_attributions.documents IS 'Pièces déposées à l''appui de la demande';
COMMENT ON INDEX dwh_facts.idx_factures_entreprise IS 'Le même que fait_factures_entreprise_key : créé deux fois';
COMMENT ON TABLE dwh_facts.fait_attributions IS 'Demandes d''attribution de lots';
COMMENT ON TABLE dwh_facts.fait_paiements IS 'Règlements des factures';
COMMENT ON TABLE dwh_facts.fait_collectes IS 'Campagnes de recouvrement';

ALTER TABLE dwh_facts.fait_attributions RESET (autovacuum_enabled);
ALTER TABLE dwh_facts.fait_factures RESET (autovacuum_enabled), SET (autovacuum_vacuum_cost_delay = 5);
ALTER TABLE dwh_facts.fait_paiements RESET (autovacuum_enabled);
ALTER TABLE dwh_facts.fait_collectes RESET (autovacuum_enabled);

-- Last: whoever finds it finds the whole database.
COMMENT ON TABLE dwh_facts.fait_factures IS 'Factures émises aux entreprises installées';
