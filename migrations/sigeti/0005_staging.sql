-- Where the eight tables of SIGETI arrive, one row each, by the numbers that SIGETI gave them: cleaned and typed, and not joined
-- with anything yet. Tables that a legacy database has already are left as they are.

-- Up Migration

CREATE TABLE IF NOT EXISTS dwh_staging.domaines_activites (
  domaine_id   bigint PRIMARY KEY,
  code_secteur text,
  nom_domaine  text NOT NULL,
  description  text,
  created_at   timestamptz NOT NULL,
  updated_at   timestamptz NOT NULL
);

CREATE TABLE IF NOT EXISTS dwh_staging.entreprises (
  entreprise_id     bigint PRIMARY KEY,
  raison_sociale    text NOT NULL,
  registre_commerce text,
  forme_juridique   text,
  adresse           text,
  telephone         text,
  email             text,
  domaine_id        bigint,
  created_at        timestamptz NOT NULL,
  updated_at        timestamptz NOT NULL
);

CREATE TABLE IF NOT EXISTS dwh_staging.zones_industrielles (
  zone_id           bigint PRIMARY KEY,
  code_zone         text,
  nom_zone          text NOT NULL,
  localisation      text,
  description       text,
  superficie_totale numeric(15,2),
  statut            text,
  created_at        timestamptz NOT NULL,
  updated_at        timestamptz NOT NULL
);

CREATE TABLE IF NOT EXISTS dwh_staging.lots (
  lot_id     bigint PRIMARY KEY,
  zone_id    bigint,
  numero_lot text NOT NULL,
  superficie numeric(15,2),
  prix       numeric(15,2),
  statut     text,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL
);

CREATE TABLE IF NOT EXISTS dwh_staging.demandes_attribution (
  attribution_id       bigint PRIMARY KEY,
  entreprise_id        bigint,
  lot_id               bigint,
  date_demandee        date,
  date_approbation     date,
  statut               text NOT NULL,
  superficie_demandee  numeric(15,2),
  superficie_attribuee numeric(15,2),
  montant_attribution  numeric(15,2),
  observations         text,
  documents            jsonb,
  created_at           timestamptz NOT NULL,
  updated_at           timestamptz NOT NULL
);

CREATE TABLE IF NOT EXISTS dwh_staging.factures (
  facture_id     bigint PRIMARY KEY,
  numero_facture text,
  entreprise_id  bigint,
  lot_id         bigint,
  date_facture   date,
  date_echeance  date,
  statut         text NOT NULL,
  montant_total  numeric(15,2),
  montant_paye   numeric(15,2),
  created_at     timestamptz NOT NULL,
  updated_at     timestamptz NOT NULL
);

CREATE TABLE IF NOT EXISTS dwh_staging.paiements (
  paiement_id   bigint PRIMARY KEY,
  facture_id    bigint,
  entreprise_id bigint,
  date_paiement date,
  mode_paiement text,
  statut        text NOT NULL,
  montant       numeric(15,2) NOT NULL,
  created_at    timestamptz NOT NULL,
  updated_at    timestamptz NOT NULL
);

CREATE TABLE IF NOT EXISTS dwh_staging.collectes (
  collecte_id         bigint PRIMARY KEY,
  zone_id             bigint,
  date_debut          date,
  date_fin            date,
  statut              text NOT NULL,
  montant_a_recouvrer numeric(15,2),
  montant_recouvre    numeric(15,2),
  created_at          timestamptz NOT NULL,
  updated_at          timestamptz NOT NULL
);

COMMENT ON TABLE dwh_staging.domaines_activites   IS 'Branches of business, as SIGETI has them';
COMMENT ON TABLE dwh_staging.entreprises          IS 'Companies, as SIGETI has them';
COMMENT ON TABLE dwh_staging.zones_industrielles  IS 'Industrial estates, as SIGETI has them';
COMMENT ON TABLE dwh_staging.lots                 IS 'Lots of the estates, as SIGETI has them';
COMMENT ON TABLE dwh_staging.demandes_attribution IS 'Requests for a lot, as SIGETI has them';
COMMENT ON TABLE dwh_staging.factures             IS 'Invoices, as SIGETI has them';
COMMENT ON TABLE dwh_staging.paiements            IS 'Payments of invoices, as SIGETI has them';
COMMENT ON TABLE dwh_staging.collectes            IS 'Campaigns that collect what is owed, as SIGETI has them';

-- Down Migration

DROP TABLE dwh_staging.collectes, dwh_staging.paiements, dwh_staging.factures, dwh_staging.demandes_attribution, dwh_staging.lots, dwh_staging.zones_industrielles, dwh_staging.entreprises, dwh_staging.domaines_activites;
