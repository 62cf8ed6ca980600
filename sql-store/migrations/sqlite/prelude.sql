-- The tables of gridauth in SQLite. Everything can run again: what exists is left as it is.
CREATE TABLE IF NOT EXISTS gridauth_layout (version INTEGER NOT NULL);
