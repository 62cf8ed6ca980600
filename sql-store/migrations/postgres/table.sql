CREATE TABLE IF NOT EXISTS {table} (
    -- Rises with each new row: the order of listings, and with the version what an update compares.
    seq     bigint GENERATED ALWAYS AS IDENTITY,
    version bigint NOT NULL DEFAULT 0,
    issued  timestamptz NOT NULL,
    expires timestamptz,
    id      text COLLATE "C" NOT NULL PRIMARY KEY,
    subject text COLLATE "C",
    client  text COLLATE "C",
    scope   text,
    body    json NOT NULL
);
CREATE INDEX IF NOT EXISTS {name}_subject ON {table} (subject, seq) WHERE subject IS NOT NULL;
CREATE INDEX IF NOT EXISTS {name}_client ON {table} (client, seq) WHERE client IS NOT NULL;
CREATE INDEX IF NOT EXISTS {name}_expires ON {table} (expires, seq) WHERE expires IS NOT NULL;
