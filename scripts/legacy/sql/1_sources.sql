-- What SIGETI itself holds: eight tables in `public`. Everything follows from numbers and their hashes (those that hash
-- partitioning relies on, which therefore never change), so that every run makes the same rows in the same order. Rows
-- of invoices: the setting legacy.rows, less the share legacy.duplicates.

CREATE FUNCTION pg_temp.hash(n bigint, salt integer) RETURNS bigint LANGUAGE sql IMMUTABLE
  AS $$ SELECT hashint8extended(n, salt) $$;

-- A number from 0 to k - 1, out of 20 bits of a hash; there is room for three that have nothing to do with each other.
CREATE FUNCTION pg_temp.pick(hash bigint, low integer, k integer) RETURNS integer LANGUAGE sql IMMUTABLE
  AS $$ SELECT ((hash >> low) & 1048575)::integer % k $$;

-- What is asked of the tables below.
CREATE TEMPORARY TABLE size AS
SELECT rows - repeats AS factures,
       repeats,
       greatest(rows / 15, 200) - repeats / 15 AS demandes,
       repeats / 15 AS demandes_repeated,
       greatest(rows / 75, 60) AS entreprises,
       greatest(rows / 300, 48) AS lots,
       greatest(rows / 2500, 12) AS collectes
  FROM (SELECT current_setting('legacy.rows')::bigint AS rows,
               (current_setting('legacy.rows')::bigint * current_setting('legacy.duplicates')::numeric / 100)::bigint AS repeats) AS asked;

-- Every day from 2020 to January 2027 with its share of the work: little on Saturdays, most in 2023, none from August 2026
-- on, so that what follows from a day (a payment, a correction) has a day of its own.
CREATE TEMPORARY TABLE days AS
SELECT day::date AS day,
       to_char(day, 'YYYYMMDD')::integer AS date_key,
       to_char(day, 'YYYY') AS year,
       (sum(weight) OVER (ORDER BY day) - weight)::bigint AS before,
       sum(weight) OVER (ORDER BY day)::bigint AS after,
       sum(weight) OVER ()::bigint AS total
  FROM (SELECT day, CASE WHEN day < '2026-08-01' THEN (ARRAY[13, 14, 15, 16, 15, 15, 15])[extract(year FROM day)::integer - 2019]
                                                      * (ARRAY[10, 10, 10, 10, 10, 2, 0])[extract(isodow FROM day)::integer] ELSE 0 END AS weight
          FROM generate_series(timestamp '2020-01-01', timestamp '2027-01-31', interval '1 day') AS day) AS weighed;
ANALYZE days;

-- The numbers from 1 to n with the day of each.
CREATE FUNCTION pg_temp.dated(n bigint) RETURNS TABLE (id bigint, day date, year text) LANGUAGE sql STABLE
  AS $$ SELECT id, day, year FROM (SELECT * FROM pg_temp.days ORDER BY day OFFSET 0) AS ordered, generate_series(before * n / total + 1, after * n / total) AS id $$;

CREATE TABLE public.entreprises (
  id                bigserial PRIMARY KEY,
  raison_sociale    text        NOT NULL,
  registre_commerce text,
  forme_juridique   text,
  domaine           text,
  adresse           text,
  telephone         text,
  email             text,
  created_at        timestamptz NOT NULL,
  updated_at        timestamptz NOT NULL
);
CREATE TABLE public.zones_industrielles (
  id           bigserial PRIMARY KEY,
  code         text NOT NULL UNIQUE,
  nom          text NOT NULL,
  localisation text,
  description  text,
  superficie   numeric(15,2),
  statut       text,
  created_at   timestamptz NOT NULL,
  updated_at   timestamptz NOT NULL
);
CREATE TABLE public.lots (
  id         bigserial PRIMARY KEY,
  zone_id    bigint NOT NULL REFERENCES public.zones_industrielles,
  numero     text   NOT NULL,
  superficie numeric(15,2),
  prix       numeric(15,2),
  statut     text,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL
);
CREATE TABLE public.demandes (
  id            bigserial PRIMARY KEY,
  entreprise_id bigint NOT NULL REFERENCES public.entreprises,
  lot_id        bigint REFERENCES public.lots,
  date_demande  date   NOT NULL,
  motif         text,
  statut        text   NOT NULL,
  created_at    timestamptz NOT NULL,
  updated_at    timestamptz NOT NULL
);
CREATE TABLE public.attributions (
  id                   bigserial PRIMARY KEY,
  demande_id           bigint NOT NULL REFERENCES public.demandes,
  date_approbation     date,
  statut               text NOT NULL,
  superficie_demandee  numeric(15,2),
  superficie_attribuee numeric(15,2),
  montant              numeric(15,2),
  created_at           timestamptz NOT NULL,
  updated_at           timestamptz NOT NULL
);
CREATE TABLE public.collectes (
  id                  bigserial PRIMARY KEY,
  zone_id             bigint NOT NULL REFERENCES public.zones_industrielles,
  date_debut          date   NOT NULL,
  date_fin            date,
  statut              text   NOT NULL,
  montant_a_recouvrer numeric(15,2),
  montant_recouvre    numeric(15,2),
  created_at          timestamptz NOT NULL,
  updated_at          timestamptz NOT NULL
);
CREATE TABLE public.factures (
  id            bigserial PRIMARY KEY,
  numero        text   NOT NULL,
  entreprise_id bigint NOT NULL,
  lot_id        bigint,
  date_facture  date   NOT NULL,
  date_echeance date,
  statut        text   NOT NULL,
  montant_total numeric(15,2),
  montant_paye  numeric(15,2),
  created_at    timestamptz NOT NULL,
  updated_at    timestamptz NOT NULL
);
CREATE TABLE public.paiements (
  id            bigserial PRIMARY KEY,
  facture_id    bigint NOT NULL,
  date_paiement date   NOT NULL,
  mode          text,
  statut        text   NOT NULL,
  montant       numeric(15,2) NOT NULL,
  created_at    timestamptz NOT NULL,
  updated_at    timestamptz NOT NULL
);

INSERT INTO public.zones_industrielles
SELECT n, code, nom, 'Région ' || region, 'Zone aménagée : voirie, électricité, eau potable et fibre à ' || nom,
       100000 + pg_temp.pick(h, 0, 900000), CASE WHEN n % 8 = 0 THEN 'en aménagement' ELSE 'opérationnelle' END,
       timestamptz '2019-06-01 08:00+00' + n * interval '1 day', timestamptz '2019-12-01 08:00+00' + n * interval '1 day'
  FROM (SELECT n, code, nom, region, pg_temp.hash(n, 1) AS h
          FROM unnest(ARRAY['YOP', 'VRI', 'KOU', 'PK24', 'SPY', 'BKE', 'DAL', 'KHG', 'GAG', 'ABE', 'FER', 'BDK'],
                      ARRAY['Yopougon', 'Vridi', 'Koumassi', 'Akoupé-Zeudji PK24', 'San-Pédro', 'Bouaké', 'Daloa', 'Korhogo',
                            'Gagnoa', 'Abengourou', 'Ferkessédougou', 'Bondoukou'],
                      ARRAY['d''Abidjan', 'd''Abidjan', 'd''Abidjan', 'd''Anyama', 'du Bas-Sassandra', 'du Gbêkê', 'du Haut-Sassandra',
                            'du Poro', 'du Gôh', 'de l''Indénié-Djuablin', 'du Tchologo', 'du Gontougo'])
               WITH ORDINALITY AS z (code, nom, region, n)
        OFFSET 0) AS drawn;

INSERT INTO public.entreprises
SELECT n,
       (ARRAY['Société', 'Établissements', 'Compagnie', 'Générale', 'Coopérative', 'Groupe', 'Manufacture', 'Ateliers'])[1 + pg_temp.pick(h, 0, 8)] || ' '
       || (ARRAY['Kouamé', 'Koffi', 'N''Guessan', 'Traoré', 'Konaté', 'Bédié', 'Brou', 'Gnagbé', 'Ouédraogo', 'Yao', 'Zadi', 'Aké'])[1 + pg_temp.pick(h, 6, 12)] || ' '
       || (ARRAY['& Frères', 'Ivoirienne', 'Côtière', 'Réunis', 'Générations', 'et Associés'])[1 + pg_temp.pick(h, 12, 6)] || ' n° ' || n,
       'CI-ABJ-' || 2000 + pg_temp.pick(h, 18, 22) || '-B-' || lpad(n::text, 6, '0'),
       (ARRAY['SARL', 'SA', 'SAS', 'Société à responsabilité limitée unipersonnelle', 'Coopérative agréée'])[1 + pg_temp.pick(h, 24, 5)],
       (ARRAY['Agroalimentaire', 'Énergie', 'Chimie', 'Métallurgie', 'Matériaux de construction', 'Textile', 'Cacao et café', 'Logistique'])[1 + pg_temp.pick(h, 30, 8)],
       'Rue ' || (ARRAY['de l''Étoile', 'du Canal', 'Félix-Houphouët-Boigny', 'des Pêcheurs', 'de la Forêt'])[1 + pg_temp.pick(h, 33, 5)] || ', îlot ' || pg_temp.pick(h, 36, 400),
       '+225 07' || lpad(pg_temp.pick(h, 27, 10000000)::text, 8, '0'),
       CASE WHEN n % 5 > 0 THEN 'contact' || n || '@exemple.ci' END,
       timestamptz '2019-01-02 07:30+00' + pg_temp.pick(h, 15, 2400) * interval '1 day',
       timestamptz '2019-01-02 07:30+00' + (pg_temp.pick(h, 15, 2400) + pg_temp.pick(h, 39, 80)) * interval '1 day'
  FROM (SELECT n, pg_temp.hash(n, 2) AS h FROM size, generate_series(1, entreprises) AS n OFFSET 0) AS drawn;

INSERT INTO public.lots
SELECT n, 1 + n % 12, 'Lot ' || chr(65 + pg_temp.pick(h, 0, 26)) || '-' || n, 500 + pg_temp.pick(h, 6, 20000), 1000000 + 5000 * pg_temp.pick(h, 15, 40000),
       (ARRAY['attribué', 'libre', 'réservé', 'en litige'])[1 + pg_temp.pick(h, 24, 4)],
       timestamptz '2019-07-01 09:00+00' + n * interval '1 minute', timestamptz '2020-01-01 09:00+00' + n * interval '1 minute'
  FROM (SELECT n, pg_temp.hash(n, 3) AS h FROM size, generate_series(1, lots) AS n OFFSET 0) AS drawn;

INSERT INTO public.demandes
SELECT id, 1 + pg_temp.pick(h, 0, entreprises::integer), CASE WHEN pg_temp.pick(h, 9, 20) > 0 THEN 1 + pg_temp.pick(h, 12, lots::integer) END, day,
       (ARRAY['Création d''une unité de transformation', 'Extension de l''entrepôt frigorifique', 'Régularisation d''une occupation antérieure',
              'Délocalisation du siège', 'Implantation d''une chaîne de conditionnement'])[1 + pg_temp.pick(h, 21, 5)],
       (ARRAY['approuvée', 'approuvée', 'approuvée', 'rejetée', 'en attente', 'à compléter', 'approuvée', 'annulée'])[1 + pg_temp.pick(h, 27, 8)],
       at, at + pg_temp.pick(h, 33, 60) * interval '1 day'
  FROM (SELECT id, day, h, entreprises, lots, day::timestamp AT TIME ZONE 'UTC' + (25200 + pg_temp.pick(h, 36, 36000)) * interval '1 second' AS at
          FROM (SELECT id, day, pg_temp.hash(id, 4) AS h, entreprises, lots FROM size, pg_temp.dated(size.demandes) OFFSET 0) AS numbered
        OFFSET 0) AS drawn;

INSERT INTO public.attributions
SELECT id, id, CASE WHEN statut = 'approuvée' THEN date_demande + 5 + pg_temp.pick(h, 0, 120) END, statut, wanted,
       CASE WHEN statut = 'approuvée' THEN round(wanted * (60 + pg_temp.pick(h, 9, 41)) / 100, 2) END,
       CASE WHEN statut = 'approuvée' THEN wanted * (1500 + pg_temp.pick(h, 15, 6000)) END, created_at, updated_at
  FROM (SELECT *, (500 + pg_temp.pick(h, 24, 20000))::numeric(15,2) AS wanted
          FROM (SELECT *, pg_temp.hash(id, 5) AS h FROM public.demandes ORDER BY id OFFSET 0) AS hashed
        OFFSET 0) AS drawn;

INSERT INTO public.collectes
SELECT n, 1 + n % 12, began, CASE WHEN began < '2026-06-01' THEN began + 30 + pg_temp.pick(h, 12, 30) END,
       CASE WHEN began < '2026-06-01' THEN 'clôturée' ELSE 'en cours' END, amount, round(amount * (30 + pg_temp.pick(h, 24, 71)) / 100, 2),
       began::timestamp AT TIME ZONE 'UTC' + interval '8 hours', began::timestamp AT TIME ZONE 'UTC' + interval '40 days'
  FROM (SELECT n, h, date '2020-01-06' + pg_temp.pick(h, 0, 2380) AS began, 1000000 + 1000 * pg_temp.pick(h, 15, 900000)::numeric AS amount
          FROM (SELECT n, pg_temp.hash(n, 6) AS h FROM size, generate_series(1, collectes) AS n OFFSET 0) AS hashed
        OFFSET 0) AS drawn;

INSERT INTO public.factures
SELECT id, 'FAC-' || year || '-' || lpad(id::text, 8, '0'), 1 + pg_temp.pick(h, 0, entreprises::integer), 1 + pg_temp.pick(h, 9, lots::integer), day,
       CASE WHEN kind < 9 THEN day + 30 END,
       (ARRAY['payée', 'payée', 'payée', 'payée', 'payée', 'partiellement réglée', 'impayée', 'impayée', 'en contentieux', 'annulée'])[1 + kind],
       total, CASE WHEN kind < 5 THEN total WHEN kind = 5 THEN round(total / 3, 2) ELSE 0 END, at, at + pg_temp.pick(h, 30, 60) * interval '1 day'
  FROM (SELECT *, pg_temp.pick(h, 18, 10) AS kind, (25000 + 250 * pg_temp.pick(h, 24, 40000))::numeric(15,2) AS total,
               day::timestamp AT TIME ZONE 'UTC' + (25200 + pg_temp.pick(h, 36, 36000)) * interval '1 second' AS at
          FROM (SELECT id, day, year, pg_temp.hash(id, 7) AS h, entreprises, lots FROM size, pg_temp.dated(size.factures) OFFSET 0) AS hashed
        OFFSET 0) AS drawn;

-- Of what is paid by direct debit, two invoices of three, SIGETI keeps no payments.
INSERT INTO public.paiements
SELECT row_number() OVER (), id, date_facture + pg_temp.pick(h, 0, 60),
       (ARRAY['virement', 'chèque', 'espèces', 'versement', 'monnaie électronique'])[1 + pg_temp.pick(h, 9, 5)],
       CASE WHEN pg_temp.pick(h, 15, 50) = 0 THEN 'rejeté' ELSE 'encaissé' END, montant_paye, created_at + interval '10 days', updated_at + interval '10 days'
  FROM (SELECT *, pg_temp.hash(id, 8) AS h FROM public.factures WHERE montant_paye > 0 AND id % 3 = 0 ORDER BY id OFFSET 0) AS drawn;

CREATE INDEX factures_entreprise_id ON public.factures (entreprise_id);
CREATE INDEX paiements_facture_id ON public.paiements (facture_id);

DO $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY '{entreprises,zones_industrielles,lots,demandes,attributions,collectes,factures,paiements}'::text[] LOOP
    EXECUTE format('SELECT setval(pg_get_serial_sequence(%L, %L), max(id)) FROM %I.%I', 'public.' || name, 'id', 'public', name);
  END LOOP;
END $$;
