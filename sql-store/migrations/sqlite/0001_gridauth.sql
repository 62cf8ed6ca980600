-- The tables of gridauth in SQLite. Everything can run again: what exists is left as it is.
CREATE TABLE IF NOT EXISTS gridauth_layout (version INTEGER NOT NULL);

CREATE TABLE IF NOT EXISTS gridauth_users (
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
CREATE INDEX IF NOT EXISTS gridauth_users_subject ON gridauth_users (subject) WHERE subject IS NOT NULL;
CREATE INDEX IF NOT EXISTS gridauth_users_client ON gridauth_users (client) WHERE client IS NOT NULL;
CREATE INDEX IF NOT EXISTS gridauth_users_expires ON gridauth_users (expires) WHERE expires IS NOT NULL;

CREATE TABLE IF NOT EXISTS gridauth_clients (
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
CREATE INDEX IF NOT EXISTS gridauth_clients_subject ON gridauth_clients (subject) WHERE subject IS NOT NULL;
CREATE INDEX IF NOT EXISTS gridauth_clients_client ON gridauth_clients (client) WHERE client IS NOT NULL;
CREATE INDEX IF NOT EXISTS gridauth_clients_expires ON gridauth_clients (expires) WHERE expires IS NOT NULL;

CREATE TABLE IF NOT EXISTS gridauth_grants (
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
CREATE INDEX IF NOT EXISTS gridauth_grants_subject ON gridauth_grants (subject) WHERE subject IS NOT NULL;
CREATE INDEX IF NOT EXISTS gridauth_grants_client ON gridauth_grants (client) WHERE client IS NOT NULL;
CREATE INDEX IF NOT EXISTS gridauth_grants_expires ON gridauth_grants (expires) WHERE expires IS NOT NULL;

CREATE TABLE IF NOT EXISTS gridauth_sessions (
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
CREATE INDEX IF NOT EXISTS gridauth_sessions_subject ON gridauth_sessions (subject) WHERE subject IS NOT NULL;
CREATE INDEX IF NOT EXISTS gridauth_sessions_client ON gridauth_sessions (client) WHERE client IS NOT NULL;
CREATE INDEX IF NOT EXISTS gridauth_sessions_expires ON gridauth_sessions (expires) WHERE expires IS NOT NULL;

CREATE TABLE IF NOT EXISTS gridauth_consents (
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
CREATE INDEX IF NOT EXISTS gridauth_consents_subject ON gridauth_consents (subject) WHERE subject IS NOT NULL;
CREATE INDEX IF NOT EXISTS gridauth_consents_client ON gridauth_consents (client) WHERE client IS NOT NULL;
CREATE INDEX IF NOT EXISTS gridauth_consents_expires ON gridauth_consents (expires) WHERE expires IS NOT NULL;

CREATE TABLE IF NOT EXISTS gridauth_device_codes (
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
CREATE INDEX IF NOT EXISTS gridauth_device_codes_subject ON gridauth_device_codes (subject) WHERE subject IS NOT NULL;
CREATE INDEX IF NOT EXISTS gridauth_device_codes_client ON gridauth_device_codes (client) WHERE client IS NOT NULL;
CREATE INDEX IF NOT EXISTS gridauth_device_codes_expires ON gridauth_device_codes (expires) WHERE expires IS NOT NULL;

CREATE TABLE IF NOT EXISTS gridauth_pushed_requests (
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
CREATE INDEX IF NOT EXISTS gridauth_pushed_requests_subject ON gridauth_pushed_requests (subject) WHERE subject IS NOT NULL;
CREATE INDEX IF NOT EXISTS gridauth_pushed_requests_client ON gridauth_pushed_requests (client) WHERE client IS NOT NULL;
CREATE INDEX IF NOT EXISTS gridauth_pushed_requests_expires ON gridauth_pushed_requests (expires) WHERE expires IS NOT NULL;

CREATE TABLE IF NOT EXISTS gridauth_assertion_ids (
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
CREATE INDEX IF NOT EXISTS gridauth_assertion_ids_subject ON gridauth_assertion_ids (subject) WHERE subject IS NOT NULL;
CREATE INDEX IF NOT EXISTS gridauth_assertion_ids_client ON gridauth_assertion_ids (client) WHERE client IS NOT NULL;
CREATE INDEX IF NOT EXISTS gridauth_assertion_ids_expires ON gridauth_assertion_ids (expires) WHERE expires IS NOT NULL;

CREATE TABLE IF NOT EXISTS gridauth_signing_keys (
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
CREATE INDEX IF NOT EXISTS gridauth_signing_keys_subject ON gridauth_signing_keys (subject) WHERE subject IS NOT NULL;
CREATE INDEX IF NOT EXISTS gridauth_signing_keys_client ON gridauth_signing_keys (client) WHERE client IS NOT NULL;
CREATE INDEX IF NOT EXISTS gridauth_signing_keys_expires ON gridauth_signing_keys (expires) WHERE expires IS NOT NULL;

CREATE TABLE IF NOT EXISTS gridauth_settings (
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
CREATE INDEX IF NOT EXISTS gridauth_settings_subject ON gridauth_settings (subject) WHERE subject IS NOT NULL;
CREATE INDEX IF NOT EXISTS gridauth_settings_client ON gridauth_settings (client) WHERE client IS NOT NULL;
CREATE INDEX IF NOT EXISTS gridauth_settings_expires ON gridauth_settings (expires) WHERE expires IS NOT NULL;

CREATE TABLE IF NOT EXISTS gridauth_custom (
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
CREATE INDEX IF NOT EXISTS gridauth_custom_subject ON gridauth_custom (subject) WHERE subject IS NOT NULL;
CREATE INDEX IF NOT EXISTS gridauth_custom_client ON gridauth_custom (client) WHERE client IS NOT NULL;
CREATE INDEX IF NOT EXISTS gridauth_custom_expires ON gridauth_custom (expires) WHERE expires IS NOT NULL;

CREATE TABLE IF NOT EXISTS gridauth_outbox (
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
CREATE INDEX IF NOT EXISTS gridauth_outbox_subject ON gridauth_outbox (subject) WHERE subject IS NOT NULL;
CREATE INDEX IF NOT EXISTS gridauth_outbox_client ON gridauth_outbox (client) WHERE client IS NOT NULL;
CREATE INDEX IF NOT EXISTS gridauth_outbox_expires ON gridauth_outbox (expires) WHERE expires IS NOT NULL;

CREATE TABLE IF NOT EXISTS gridauth_ended (
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
CREATE INDEX IF NOT EXISTS gridauth_ended_subject ON gridauth_ended (subject) WHERE subject IS NOT NULL;
CREATE INDEX IF NOT EXISTS gridauth_ended_client ON gridauth_ended (client) WHERE client IS NOT NULL;
CREATE INDEX IF NOT EXISTS gridauth_ended_expires ON gridauth_ended (expires) WHERE expires IS NOT NULL;

CREATE TABLE IF NOT EXISTS gridauth_audit (
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
CREATE INDEX IF NOT EXISTS gridauth_audit_subject ON gridauth_audit (subject) WHERE subject IS NOT NULL;
CREATE INDEX IF NOT EXISTS gridauth_audit_client ON gridauth_audit (client) WHERE client IS NOT NULL;
CREATE INDEX IF NOT EXISTS gridauth_audit_expires ON gridauth_audit (expires) WHERE expires IS NOT NULL;

INSERT INTO gridauth_layout (version) SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM gridauth_layout);
UPDATE gridauth_layout SET version = 1 WHERE version < 1;
