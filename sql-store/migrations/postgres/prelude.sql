-- The tables of gridauth in PostgreSQL. Everything can run again: what exists is left as it is.
CREATE SCHEMA IF NOT EXISTS {schema};

CREATE TABLE IF NOT EXISTS {schema}.layout (version integer NOT NULL);
