import { type Column, factTable } from 'dwh'
import type { MigrationBuilder } from 'node-pg-migrate'

const required = (type: string, comment?: string): Column => ({
  type,
  notNull: true,
  ...(comment ? { comment } : {}),
})
const moments = {
  created_at: { type: 'timestamptz', notNull: true, default: 'now()' },
  updated_at: { type: 'timestamptz', notNull: true, default: 'now()' },
}

/** The four facts: requests and invoices by year, payments and campaigns as plain tables. Three indexes on each leaf. */
export function up(pgm: MigrationBuilder): void {
  factTable(pgm, {
    table: 'dwh_facts.fait_attributions',
    comment: 'Requests for a lot, from the request to the decision',
    columns: {
      attribution_id: required('bigint', 'Number of the request in SIGETI'),
      entreprise_key: 'bigint',
      zone_key: 'bigint',
      lot_key: 'bigint',
      domaine_key: 'bigint',
      date_demandee_key: required('integer', 'Day of the request, like 20230131'),
      date_approbation_key: { type: 'integer', comment: 'Empty until the request is approved' },
      statut: required('text'),
      superficie_demandee: { type: 'numeric(15,2)', comment: 'Square metres' },
      superficie_attribuee: { type: 'numeric(15,2)', comment: 'Square metres' },
      montant_attribution: { type: 'numeric(15,2)', comment: 'CFA francs' },
      delai_traitement_jours: 'integer',
      observations: 'text',
      documents: { type: 'jsonb', comment: 'What was handed in with the request' },
      ...moments,
    },
    key: ['attribution_id'],
    partitionBy: 'date_demandee_key',
    indexes: ['date_demandee_key', 'entreprise_key'],
  })

  factTable(pgm, {
    table: 'dwh_facts.fait_factures',
    comment: 'Invoices',
    columns: {
      facture_id: required('bigint', 'Number of the invoice in SIGETI'),
      numero_facture: 'text',
      entreprise_key: 'bigint',
      lot_key: 'bigint',
      date_facture_key: required('integer', 'Day of the invoice, like 20230131'),
      date_echeance_key: 'integer',
      statut: required('text'),
      montant_total: { type: 'numeric(15,2)', comment: 'CFA francs' },
      montant_paye: { type: 'numeric(15,2)', comment: 'CFA francs' },
      delai_paiement_jours: 'integer',
      ...moments,
    },
    key: ['facture_id'],
    partitionBy: 'date_facture_key',
    indexes: ['date_facture_key', 'entreprise_key'],
  })

  pgm.sql(`
CREATE TABLE IF NOT EXISTS dwh_facts.fait_paiements (
  paiement_id       bigint PRIMARY KEY,
  facture_id        bigint,
  entreprise_key    bigint,
  date_paiement_key integer       NOT NULL,
  mode_paiement     text,
  statut            text          NOT NULL,
  montant           numeric(15,2) NOT NULL,
  created_at        timestamptz   NOT NULL DEFAULT now(),
  updated_at        timestamptz   NOT NULL DEFAULT now()
);
CREATE TABLE IF NOT EXISTS dwh_facts.fait_collectes (
  collecte_id         bigint PRIMARY KEY,
  zone_key            bigint,
  date_debut_key      integer NOT NULL,
  date_fin_key        integer,
  statut              text NOT NULL,
  montant_a_recouvrer numeric(15,2),
  montant_recouvre    numeric(15,2),
  created_at          timestamptz NOT NULL DEFAULT now(),
  updated_at          timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE dwh_facts.fait_paiements IS 'Payments of invoices';
COMMENT ON TABLE dwh_facts.fait_collectes IS 'Campaigns that collect what is owed';`)
}

export function down(pgm: MigrationBuilder): void {
  for (const name of ['fait_collectes', 'fait_paiements', 'fait_factures', 'fait_attributions']) {
    pgm.dropTable({ schema: 'dwh_facts', name })
  }
}
