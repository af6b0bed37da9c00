-- Pins what changes the meaning or the text of values, and where and how statements work, so that no setting of the role
-- or the database leaks in.
-- Gives the process id of the backend: that of a login is a pooler's own.
-- pg_catalog first and pg_temp last: nothing planted in another schema is called by an unqualified name.
-- Locks: none.
SELECT pg_backend_pid() AS pid,
       set_config('search_path', 'pg_catalog, pg_temp', false),
       set_config('client_encoding', 'UTF8', false),
       set_config('DateStyle', 'ISO, YMD', false),
       set_config('IntervalStyle', 'postgres', false),
       set_config('TimeZone', 'UTC', false),
       set_config('bytea_output', 'hex', false),
       set_config('extra_float_digits', '1', false),
       set_config('lc_monetary', 'C', false),
       set_config('standard_conforming_strings', 'on', false),
       set_config('default_tablespace', '', false),
       set_config('default_transaction_isolation', 'read committed', false),
       set_config('row_security', 'off', false),
       set_config('statement_timeout', '0', false),
       set_config('idle_in_transaction_session_timeout', '0', false),
       set_config('lock_timeout', '10s', false)
