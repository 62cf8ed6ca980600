CREATE TABLE IF NOT EXISTS {table} (
    -- Rises with each new row: the order of listings, and with the version what an update compares.
    seq     INTEGER PRIMARY KEY AUTOINCREMENT,
    version INTEGER NOT NULL DEFAULT 0,
    issued  INTEGER NOT NULL, -- milliseconds since 1970
    expires INTEGER,          -- milliseconds since 1970
    id      TEXT NOT NULL UNIQUE,
    subject TEXT,
    client  TEXT,
    scope   TEXT,
    body    TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS {table}_subject ON {table} (subject) WHERE subject IS NOT NULL;
CREATE INDEX IF NOT EXISTS {table}_client ON {table} (client) WHERE client IS NOT NULL;
CREATE INDEX IF NOT EXISTS {table}_expires ON {table} (expires) WHERE expires IS NOT NULL;
