-- Fills the calendar with the days that the facts have leaves for. Months and days in French, as reports show them;
-- written out, because the names that to_char gives depend on the locales of the server.

-- Up Migration

INSERT INTO dwh_dim.dim_temps (date_key, date, annee, trimestre, mois, nom_mois, semaine, jour, jour_semaine, nom_jour,
                               est_weekend)
SELECT to_char(d, 'YYYYMMDD')::integer,
       d::date,
       extract(year FROM d)::integer,
       extract(quarter FROM d)::integer,
       extract(month FROM d)::integer,
       ('{janvier,février,mars,avril,mai,juin,juillet,août,septembre,octobre,novembre,décembre}'::text[])
         [extract(month FROM d)::integer],
       extract(week FROM d)::integer,
       extract(day FROM d)::integer,
       extract(isodow FROM d)::integer,
       ('{lundi,mardi,mercredi,jeudi,vendredi,samedi,dimanche}'::text[])[extract(isodow FROM d)::integer],
       extract(isodow FROM d) >= 6
  FROM generate_series(timestamp '2020-01-01', timestamp '2030-12-31', interval '1 day') AS d
    ON CONFLICT (date_key) DO NOTHING;

ANALYZE dwh_dim.dim_temps;

-- Down Migration

DELETE FROM dwh_dim.dim_temps WHERE date_key BETWEEN 20200101 AND 20301231;
