//! The statements: their numbers, their layout, and their effects.

mod account;
mod container;
mod execute;
mod handshake;
mod index;
mod multi;
mod query;
mod row;
mod transaction;

pub(crate) use execute::{Done, Ticket};

use crate::data::session::ClientId;
use crate::error::Refusal;
use crate::wire::frame::Head;
use crate::wire::options::Options;
use crate::wire::read::{Malformed, Reader};

macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $class:ident;)*) => {
        /// A kind of statement.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Statement {
            $($(#[$doc])* $name = $number,)*
        }

        impl Statement {
            /// All statements that a node supports.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            fn class(self) -> Class {
                match self {
                    $(Self::$name => Class::$class,)*
                }
            }
        }
    };
}

statements! {
    /// CONNECT, also used as the heartbeat.
    Connect = 100, Own;
    /// DISCONNECT, which gets no answer.
    Disconnect = 101, Basic;
    /// LOGIN.
    Login = 102, Basic;
    /// LOGOUT.
    Logout = 103, Basic;
    /// GET_PARTITION_ADDRESS: the master, or a partition's owner.
    GetPartitionAddress = 104, Basic;
    /// GET_CONTAINER.
    GetContainer = 105, Basic;
    /// PUT_CONTAINER.
    PutContainer = 107, Basic;
    /// CREATE_SESSION.
    CreateSession = 111, Session;
    /// CLOSE_SESSION.
    CloseSession = 112, Session;
    /// FLUSH_LOG.
    FlushLog = 117, Container;
    /// COMMIT.
    Commit = 118, Session;
    /// ABORT.
    Abort = 119, Session;
    /// GET_ROW.
    GetRow = 120, Row;
    /// QUERY_TQL.
    QueryTql = 121, Row;
    /// PUT_ROW.
    PutRow = 124, Row;
    /// PUT_MULTIPLE_ROWS.
    PutMultipleRows = 125, Row;
    /// UPDATE_ROW_BY_ID.
    UpdateRowById = 126, Row;
    /// REMOVE_ROW.
    RemoveRow = 127, Row;
    /// REMOVE_ROW_BY_ID.
    RemoveRowById = 128, Row;
    /// GET_CONTAINER_PROPERTIES.
    GetContainerProperties = 140, Basic;
    /// DROP_CONTAINER.
    DropContainer = 144, Basic;
    /// EXECUTE_MULTIPLE_QUERIES.
    ExecuteMultipleQueries = 147, Multi;
    /// GET_MULTIPLE_CONTAINER_ROWS.
    GetMultipleContainerRows = 148, Multi;
    /// PUT_MULTIPLE_CONTAINER_ROWS.
    PutMultipleContainerRows = 149, Multi;
    /// CLOSE_ROW_SET.
    CloseRowSet = 150, Container;
    /// FETCH_ROW_SET.
    FetchRowSet = 151, Row;
    /// PUT_USER.
    PutUser = 155, Basic;
    /// DROP_USER.
    DropUser = 156, Basic;
    /// PUT_DATABASE.
    PutDatabase = 158, Basic;
    /// DROP_DATABASE.
    DropDatabase = 159, Basic;
    /// PUT_PRIVILEGE.
    PutPrivilege = 160, Basic;
    /// DROP_PRIVILEGE.
    DropPrivilege = 161, Basic;
    /// CREATE_INDEX.
    CreateIndex = 162, Schema;
    /// DROP_INDEX.
    DropIndex = 163, Schema;
}

/// The part between the statement id and the options.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Own,
    Basic,
    Container,
    Schema,
    Session,
    Row,
    Multi,
}

impl Statement {
    pub(crate) fn from_number(number: i32) -> Option<Self> {
        Self::ALL.iter().copied().find(|statement| statement.number() == number)
    }

    /// The number on the wire.
    #[must_use]
    pub fn number(self) -> i32 {
        self as i32
    }

    /// Whether the statement concerns the connection, the cluster or the accounts, rather than a partition's data.
    pub(crate) fn is_node_wide(self) -> bool {
        use Statement::{
            Connect, Disconnect, DropDatabase, DropPrivilege, DropUser, GetPartitionAddress, Login, Logout,
            PutDatabase, PutPrivilege, PutUser,
        };
        matches!(
            self,
            Connect
                | Disconnect
                | DropDatabase
                | DropPrivilege
                | DropUser
                | GetPartitionAddress
                | Login
                | Logout
                | PutDatabase
                | PutPrivilege
                | PutUser
        )
    }

    /// Whether the statement only reads, if it is not for update.
    fn reads(self) -> bool {
        use Statement::{
            CloseRowSet, ExecuteMultipleQueries, FetchRowSet, GetContainer, GetContainerProperties,
            GetMultipleContainerRows, GetRow, QueryTql,
        };
        matches!(
            self,
            CloseRowSet
                | ExecuteMultipleQueries
                | FetchRowSet
                | GetContainer
                | GetContainerProperties
                | GetMultipleContainerRows
                | GetRow
                | QueryTql
        )
    }
}

/// The fixed part of a statement, as far as its class has one.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Fixed {
    container: i64,
    client: Option<ClientId>,
    schema_version: i32,
    session_mode: u8,
    transaction_mode: u8,
}

impl Fixed {
    fn read(class: Class, body: &mut Reader<'_>) -> Result<Self, Malformed> {
        let mut fixed = Self::default();
        if matches!(class, Class::Container | Class::Schema | Class::Session | Class::Row) {
            fixed.container = body.i64()?;
        }
        if matches!(class, Class::Session | Class::Row) {
            let session = body.i64()?;
            fixed.client = Some((read_uuid(body)?, session));
        }
        if matches!(class, Class::Schema | Class::Row) {
            fixed.schema_version = body.i32()?;
        }
        if class == Class::Row {
            fixed.session_mode = body.u8()?;
            fixed.transaction_mode = body.u8()?;
        }
        if class == Class::Multi {
            read_uuid(body)?;
        }
        Ok(fixed)
    }
}

fn read_uuid(body: &mut Reader<'_>) -> Result<[u8; 16], Malformed> {
    body.take(16)?.try_into().map_err(|_| Malformed)
}

/// A decoded request whose body is still unread.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    statement: Statement,
    head: Head,
    fixed: Fixed,
    options: Options,
    body: Reader<'a>,
    /// The session's last statement before the first of many rows.
    before_rows: Option<i64>,
}

impl<'a> Request<'a> {
    fn read(statement: Statement, head: Head, mut body: Reader<'a>) -> Result<Self, Malformed> {
        let class = statement.class();
        let fixed = Fixed::read(class, &mut body)?;
        let options = if class == Class::Own { Options::default() } else { Options::read(&mut body)? };
        Ok(Self { statement, head, fixed, options, body, before_rows: None })
    }

    /// Whether only the partition's owner may execute it, for a login with immediate consistency.
    fn needs_owner(&self) -> bool {
        !self.statement.reads() || self.options.for_update
    }

    /// Whether it changes something that backups follow.
    fn is_repeated_at_backups(&self) -> bool {
        self.needs_owner() && !matches!(self.statement, Statement::FlushLog | Statement::CreateSession)
    }
}

/// Why a statement did not complete.
#[derive(Debug)]
pub(crate) enum Stop {
    /// It failed.
    Refused(Refusal),
    /// Another transaction holds a row or the container, so it has to wait.
    Conflict,
}

impl<E: Into<Refusal>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Refused(error.into())
    }
}
