//! Statement types and the fixed part that follows the statement id (protocol 4.1).

/// The statements that this client sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
#[allow(missing_docs)]
pub enum Statement {
    Connect = 100,
    Disconnect = 101,
    Login = 102,
    GetPartitionAddress = 104,
    GetContainer = 105,
    PutContainer = 107,
    CloseSession = 112,
    FlushLog = 117,
    Commit = 118,
    GetRow = 120,
    QueryTql = 121,
    PutRow = 124,
    PutMultipleRows = 125,
    RemoveRow = 127,
    DropContainer = 144,
    CloseRowSet = 150,
    FetchRowSet = 151,
    CreateIndex = 162,
}

/// Distinguishes the sessions of one client from those of others: 16 random bytes per client.
pub type ClientId = [u8; 16];

/// A session in one partition: (client, number), both chosen by the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionId {
    /// The client that chose it.
    pub client: ClientId,
    /// The client's number for it; 0 means no session.
    pub number: i64,
}

impl SessionId {
    /// No session, for autocommit statements.
    pub const fn none(client: ClientId) -> Self {
        Self { client, number: 0 }
    }
}

/// A row statement's relation to sessions and transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransactionMode {
    /// Autocommit, without a session.
    Autocommit,
    /// Creates the session and begins its transaction.
    Begin,
    /// Continues the session's transaction.
    Continue,
}

impl TransactionMode {
    /// The two mode bytes: session mode, transaction mode.
    fn bytes(self) -> [u8; 2] {
        match self {
            Self::Autocommit => [0, 0],
            Self::Begin => [1, 1],
            Self::Continue => [2, 2],
        }
    }
}

/// The container that a row statement is for, and its session.
#[derive(Debug, Clone, Copy)]
pub struct RowTarget {
    /// The container's id in its partition.
    pub container: i64,
    /// The schema version that the rows are encoded with.
    pub schema_version: i32,
    /// The session, or [`SessionId::none`].
    pub session: SessionId,
    /// Its relation to that session.
    pub mode: TransactionMode,
}

impl RowTarget {
    /// Appends the fixed part of a row statement.
    pub fn encode(&self, out: &mut Vec<u8>) {
        session_part(out, self.container, self.session);
        out.extend_from_slice(&self.schema_version.to_le_bytes());
        out.extend_from_slice(&self.mode.bytes());
    }
}

/// Appends the fixed part of a session statement.
pub fn session_part(out: &mut Vec<u8>, container: i64, session: SessionId) {
    out.extend_from_slice(&container.to_le_bytes());
    out.extend_from_slice(&session.number.to_le_bytes());
    out.extend_from_slice(&session.client);
}

/// Appends the fixed part of a container statement.
pub fn container_part(out: &mut Vec<u8>, container: i64) {
    out.extend_from_slice(&container.to_le_bytes());
}

/// Appends the fixed part of a schema statement.
pub fn schema_part(out: &mut Vec<u8>, container: i64, schema_version: i32) {
    out.extend_from_slice(&container.to_le_bytes());
    out.extend_from_slice(&schema_version.to_le_bytes());
}
