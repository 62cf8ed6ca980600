-- The tables of gridauth in PostgreSQL. Everything can run again: what exists is left as it is.
CREATE SCHEMA IF NOT EXISTS gridauth;

CREATE TABLE IF NOT EXISTS gridauth.layout (version integer NOT NULL);

CREATE TABLE IF NOT EXISTS gridauth.users (
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
CREATE INDEX IF NOT EXISTS users_subject ON gridauth.users (subject, seq) WHERE subject IS NOT NULL;
CREATE INDEX IF NOT EXISTS users_client ON gridauth.users (client, seq) WHERE client IS NOT NULL;
CREATE INDEX IF NOT EXISTS users_expires ON gridauth.users (expires, seq) WHERE expires IS NOT NULL;

CREATE TABLE IF NOT EXISTS gridauth.clients (
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
CREATE INDEX IF NOT EXISTS clients_subject ON gridauth.clients (subject, seq) WHERE subject IS NOT NULL;
CREATE INDEX IF NOT EXISTS clients_client ON gridauth.clients (client, seq) WHERE client IS NOT NULL;
CREATE INDEX IF NOT EXISTS clients_expires ON gridauth.clients (expires, seq) WHERE expires IS NOT NULL;

CREATE TABLE IF NOT EXISTS gridauth.grants (
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
CREATE INDEX IF NOT EXISTS grants_subject ON gridauth.grants (subject, seq) WHERE subject IS NOT NULL;
CREATE INDEX IF NOT EXISTS grants_client ON gridauth.grants (client, seq) WHERE client IS NOT NULL;
CREATE INDEX IF NOT EXISTS grants_expires ON gridauth.grants (expires, seq) WHERE expires IS NOT NULL;

CREATE TABLE IF NOT EXISTS gridauth.sessions (
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
CREATE INDEX IF NOT EXISTS sessions_subject ON gridauth.sessions (subject, seq) WHERE subject IS NOT NULL;
CREATE INDEX IF NOT EXISTS sessions_client ON gridauth.sessions (client, seq) WHERE client IS NOT NULL;
CREATE INDEX IF NOT EXISTS sessions_expires ON gridauth.sessions (expires, seq) WHERE expires IS NOT NULL;

CREATE TABLE IF NOT EXISTS gridauth.consents (
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
CREATE INDEX IF NOT EXISTS consents_subject ON gridauth.consents (subject, seq) WHERE subject IS NOT NULL;
CREATE INDEX IF NOT EXISTS consents_client ON gridauth.consents (client, seq) WHERE client IS NOT NULL;
CREATE INDEX IF NOT EXISTS consents_expires ON gridauth.consents (expires, seq) WHERE expires IS NOT NULL;

CREATE TABLE IF NOT EXISTS gridauth.device_codes (
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
CREATE INDEX IF NOT EXISTS device_codes_subject ON gridauth.device_codes (subject, seq) WHERE subject IS NOT NULL;
CREATE INDEX IF NOT EXISTS device_codes_client ON gridauth.device_codes (client, seq) WHERE client IS NOT NULL;
CREATE INDEX IF NOT EXISTS device_codes_expires ON gridauth.device_codes (expires, seq) WHERE expires IS NOT NULL;

CREATE TABLE IF NOT EXISTS gridauth.pushed_requests (
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
CREATE INDEX IF NOT EXISTS pushed_requests_subject ON gridauth.pushed_requests (subject, seq) WHERE subject IS NOT NULL;
CREATE INDEX IF NOT EXISTS pushed_requests_client ON gridauth.pushed_requests (client, seq) WHERE client IS NOT NULL;
CREATE INDEX IF NOT EXISTS pushed_requests_expires ON gridauth.pushed_requests (expires, seq) WHERE expires IS NOT NULL;

CREATE TABLE IF NOT EXISTS gridauth.assertion_ids (
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
CREATE INDEX IF NOT EXISTS assertion_ids_subject ON gridauth.assertion_ids (subject, seq) WHERE subject IS NOT NULL;
CREATE INDEX IF NOT EXISTS assertion_ids_client ON gridauth.assertion_ids (client, seq) WHERE client IS NOT NULL;
CREATE INDEX IF NOT EXISTS assertion_ids_expires ON gridauth.assertion_ids (expires, seq) WHERE expires IS NOT NULL;

CREATE TABLE IF NOT EXISTS gridauth.signing_keys (
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
CREATE INDEX IF NOT EXISTS signing_keys_subject ON gridauth.signing_keys (subject, seq) WHERE subject IS NOT NULL;
CREATE INDEX IF NOT EXISTS signing_keys_client ON gridauth.signing_keys (client, seq) WHERE client IS NOT NULL;
CREATE INDEX IF NOT EXISTS signing_keys_expires ON gridauth.signing_keys (expires, seq) WHERE expires IS NOT NULL;

CREATE TABLE IF NOT EXISTS gridauth.settings (
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
CREATE INDEX IF NOT EXISTS settings_subject ON gridauth.settings (subject, seq) WHERE subject IS NOT NULL;
CREATE INDEX IF NOT EXISTS settings_client ON gridauth.settings (client, seq) WHERE client IS NOT NULL;
CREATE INDEX IF NOT EXISTS settings_expires ON gridauth.settings (expires, seq) WHERE expires IS NOT NULL;

CREATE TABLE IF NOT EXISTS gridauth.custom (
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
CREATE INDEX IF NOT EXISTS custom_subject ON gridauth.custom (subject, seq) WHERE subject IS NOT NULL;
CREATE INDEX IF NOT EXISTS custom_client ON gridauth.custom (client, seq) WHERE client IS NOT NULL;
CREATE INDEX IF NOT EXISTS custom_expires ON gridauth.custom (expires, seq) WHERE expires IS NOT NULL;

CREATE TABLE IF NOT EXISTS gridauth.outbox (
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
CREATE INDEX IF NOT EXISTS outbox_subject ON gridauth.outbox (subject, seq) WHERE subject IS NOT NULL;
CREATE INDEX IF NOT EXISTS outbox_client ON gridauth.outbox (client, seq) WHERE client IS NOT NULL;
CREATE INDEX IF NOT EXISTS outbox_expires ON gridauth.outbox (expires, seq) WHERE expires IS NOT NULL;

CREATE TABLE IF NOT EXISTS gridauth.ended (
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
CREATE INDEX IF NOT EXISTS ended_subject ON gridauth.ended (subject, seq) WHERE subject IS NOT NULL;
CREATE INDEX IF NOT EXISTS ended_client ON gridauth.ended (client, seq) WHERE client IS NOT NULL;
CREATE INDEX IF NOT EXISTS ended_expires ON gridauth.ended (expires, seq) WHERE expires IS NOT NULL;

CREATE TABLE IF NOT EXISTS gridauth.audit (
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
CREATE INDEX IF NOT EXISTS audit_subject ON gridauth.audit (subject, seq) WHERE subject IS NOT NULL;
CREATE INDEX IF NOT EXISTS audit_client ON gridauth.audit (client, seq) WHERE client IS NOT NULL;
CREATE INDEX IF NOT EXISTS audit_expires ON gridauth.audit (expires, seq) WHERE expires IS NOT NULL;

INSERT INTO gridauth.layout (version) SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM gridauth.layout);
UPDATE gridauth.layout SET version = 1 WHERE version < 1;
