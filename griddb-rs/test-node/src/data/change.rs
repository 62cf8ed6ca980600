//! The changes of a partition's state, as decided by a statement and replayed by a backup.

use super::container::{Container, TxnId};
use super::index::IndexInfo;
use super::session::{ClientId, Session};
use crate::wire::row::Row;
use crate::wire::schema::Schema;
use std::sync::Arc;
use tokio::time::Instant;

/// One change.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    CreateContainer(Box<Container>),
    DropContainer(i64),
    AlterContainer {
        container: i64,
        schema: Schema,
    },
    AddIndex {
        container: i64,
        info: IndexInfo,
    },
    RemoveIndex {
        container: i64,
        info: IndexInfo,
    },
    OpenSession {
        client: ClientId,
        session: Session,
    },
    CloseSession(ClientId),
    /// A statement of the session was executed.
    Executed {
        client: ClientId,
        statement: i64,
    },
    Begin {
        client: ClientId,
        txn: TxnId,
        expires: Instant,
    },
    Lock {
        txn: TxnId,
        row: i64,
    },
    /// An uncommitted version of a row.
    Write {
        txn: TxnId,
        row: i64,
        version: Option<Arc<Row>>,
    },
    /// A version of a row that is committed at once.
    WriteThrough {
        container: i64,
        row: i64,
        version: Option<Arc<Row>>,
    },
    Commit(TxnId),
    Abort(TxnId),
}
