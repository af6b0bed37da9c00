-- One schema a layer.

-- Up Migration

CREATE SCHEMA IF NOT EXISTS dwh_staging;
CREATE SCHEMA IF NOT EXISTS dwh_dim;
CREATE SCHEMA IF NOT EXISTS dwh_facts;
CREATE SCHEMA IF NOT EXISTS dwh_marts;
CREATE SCHEMA IF NOT EXISTS dwh_quality;

COMMENT ON SCHEMA dwh_staging IS 'Views over the sources, cleaned and typed';
COMMENT ON SCHEMA dwh_dim     IS 'Dimensions';
COMMENT ON SCHEMA dwh_facts   IS 'Facts';
COMMENT ON SCHEMA dwh_marts   IS 'Views for reports';
COMMENT ON SCHEMA dwh_quality IS 'Results of data quality checks';

-- Down Migration

DROP SCHEMA dwh_quality, dwh_marts, dwh_facts, dwh_dim, dwh_staging;
