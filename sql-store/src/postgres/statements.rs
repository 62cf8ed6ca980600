//! The statements of each kind's table.

use std::sync::Arc;

use gridauth::store::Kind;

use crate::tables::Names;

/// A statement, which connections prepare once.
pub(super) type Sql = Arc<str>;

/// The statements for one table.
pub(super) struct Statements {
    pub(super) get: Sql,
    pub(super) insert: Sql,
    pub(super) put: Sql,
    /// Reads the row with what [`replace`](Self::replace) compares.
    pub(super) read: Sql,
    /// The same, and locks the row until the end of the transaction.
    pub(super) lock: Sql,
    /// Replaces the row that was read, if nothing has changed it since.
    pub(super) replace: Sql,
    /// Removes the row that was read, if nothing has changed it since.
    pub(super) remove_read: Sql,
    pub(super) remove: Sql,
    pub(super) list_all: Sql,
    pub(super) list_user: Sql,
    pub(super) list_client: Sql,
    pub(super) list_expired: Sql,
    pub(super) sweep: Sql,
}

impl Statements {
    pub(super) fn new(names: &Names, kind: Kind) -> Self {
        let table = names.of(kind);
        let insert = format!(
            "INSERT INTO {table} AS t (id, subject, client, scope, issued, expires, body) \
             VALUES ($1, $2, $3, $4, $5, $6, $7::json) ON CONFLICT (id) DO"
        );
        let columns = "seq, version, subject, client, scope, issued, expires, body::text, id";
        let read = format!("SELECT {columns} FROM {table} WHERE id = $1");
        // Another row may have the same id by now, but never the same number.
        let same = "WHERE id = $1 AND seq = $2 AND version = $3";
        let list = |column: &str| {
            format!("SELECT {columns} FROM {table} WHERE {column} = $1 AND seq > $2 ORDER BY seq LIMIT $3")
        };
        Self {
            get: read.clone().into(),
            insert: format!("{insert} NOTHING").into(),
            put: format!(
                "{insert} UPDATE SET subject = excluded.subject, client = excluded.client, scope = excluded.scope, \
                 issued = excluded.issued, expires = excluded.expires, body = excluded.body, version = t.version + 1"
            )
            .into(),
            lock: format!("{read} FOR UPDATE").into(),
            read: read.into(),
            replace: format!(
                "UPDATE {table} SET subject = $4, client = $5, scope = $6, issued = $7, expires = $8, body = $9::json, \
                 version = version + 1 {same}"
            )
            .into(),
            remove_read: format!("DELETE FROM {table} {same}").into(),
            remove: format!("DELETE FROM {table} WHERE id = $1").into(),
            list_all: format!("SELECT {columns} FROM {table} WHERE id > $1 ORDER BY id LIMIT $2").into(),
            list_user: list("subject").into(),
            list_client: list("client").into(),
            list_expired: format!(
                "SELECT {columns} FROM {table} WHERE expires <= $1 AND (expires, seq) > ($2, $3) \
                 ORDER BY expires, seq LIMIT $4"
            )
            .into(),
            // A row that another sweeper or an update has locked is left to it.
            sweep: format!(
                "WITH expired AS (SELECT id FROM {table} WHERE expires <= $1 ORDER BY expires LIMIT $2 \
                 FOR UPDATE SKIP LOCKED) DELETE FROM {table} AS t USING expired WHERE t.id = expired.id"
            )
            .into(),
        }
    }
}
