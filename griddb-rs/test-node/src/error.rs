//! The errors of a node.

use crate::wire::read::Malformed;
use crate::wire::write::Write;

/// An error of the protocol: its number, its name, and the status of an answer with it.
///
/// Use it to inject an error, as in `Fault::Refuse(ErrorCode::PARTITION_ROLE)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorCode {
    /// The number, for example 60154.
    pub code: i32,
    /// The name, for example `CON_PUT_ROW_OPTION_INVALID`.
    pub name: &'static str,
    /// 1 statement error, 2 node error, 3 deny.
    pub status: u8,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $id:ident = $code:literal, $name:literal, $status:literal;)*) => {
        impl ErrorCode {
            $($(#[$doc])* pub const $id: Self = Self { code: $code, name: $name, status: $status };)*
        }
    };
}

codes! {
    /// An index or row expiration that is not supported.
    NOT_SUPPORTED = 1007, "CM_NOT_SUPPORTED", 1;
    /// A name that is too long or has a forbidden character.
    LIMITS_EXCEEDED = 1008, "CM_LIMITS_EXCEEDED", 1;
    /// A request that cannot be decoded.
    INTERNAL = 1041, "CM_INTERNAL_ERROR", 1;
    /// Out of memory.
    MEMORY_LIMIT = 1043, "CM_MEMORY_LIMIT_EXCEEDED", 1;
    /// Wrong user, password or database.
    AUTH_FAILED = 10005, "TXN_AUTH_FAILED", 1;
    /// No LOGIN.
    AUTH_REQUIRED = 10006, "TXN_AUTH_REQUIRED", 1;
    /// Not the master, or a node outside its cluster.
    CLUSTER_ROLE = 10008, "TXN_CLUSTER_ROLE_UNMATCH", 3;
    /// A backup of the partition, not its owner.
    PARTITION_ROLE = 10009, "TXN_PARTITION_ROLE_UNMATCH", 3;
    /// A partition that this node does not serve.
    PARTITION_STATE = 10010, "TXN_PARTITION_STATE_UNMATCH", 3;
    /// A statement that does not support what it is asked for, such as several queries that lock rows.
    NOT_EXECUTABLE = 10012, "TXN_STATEMENT_TYPE_NOT_EXECUTABLE", 1;
    /// A write whose replicas were not confirmed in time.
    REPLICATION_TIMEOUT = 10020, "TXN_REPLICATION_ACK_TIMEOUT", 1;
    /// A row that is shorter than its schema.
    DECODE_FAILED = 10038, "TXN_DECODE_FAILED", 1;
    /// A row with lengths that point outside the message. The node does not survive it.
    NODE_ERROR = 1041, "CM_INTERNAL_ERROR", 2;
    /// An old schema version.
    SCHEMA_VERSION = 10017, "TXN_CONTAINER_SCHEMA_UNMATCH", 1;
    /// A write without immediate consistency.
    CONSISTENCY = 10033, "TXN_CONSISTENCY_TYPE_UNMATCH", 1;
    /// A wrong cluster name.
    CLUSTER_NAME = 10053, "TXN_CLUSTER_NAME_INVALID", 3;
    /// A protocol version other than 15.
    CLIENT_VERSION = 10054, "TXN_CLIENT_VERSION_NOT_ACCEPTABLE", 1;
    /// Too many statements waiting.
    QUEUE_LIMIT = 10064, "TXN_STATEMENT_QUEUE_LIMIT_EXCEEDED", 2;
    /// The authentication service has not started yet.
    AUTH_NOT_READY = 10075, "TXN_AUTHENTICATION_SERVICE_NOT_READY", 3;
    /// The user exists with another password.
    USER_EXISTS = 10077, "TXN_USER_NAME_ALREADY_EXISTS", 1;
    /// Only an administrator may do this.
    NOT_ALLOWED = 10079, "TXN_OPERATION_NOT_ALLOWED", 1;
    /// No such database.
    NO_DATABASE = 10081, "TXN_DATABASE_NAME_INVALID", 1;
    /// Only an administrator may create users.
    MESSAGE_INVALID = 10089, "TXN_MESSAGE_INVALID", 1;
    /// The user already has another privilege.
    OTHER_PRIVILEGE = 10090, "TXN_OTHER_PRIVILEGE_EXISTS", 1;
    /// A container key without the login's database id.
    DATABASE = 10098, "TXN_DATABASE_UNMATCH", 1;
    /// A user with read-only privilege.
    ACCESS = 10099, "TXN_DB_ACCESS_INVALID", 1;
    /// An invalid schema.
    SCHEMA = 60015, "DS_DS_SCHEMA_INVALID", 1;
    /// Another schema, without the modifiable flag.
    CHANGE_SCHEMA = 60016, "DS_DS_CHANGE_SCHEMA_DISABLE", 1;
    /// A collection addressed as a time series, or the reverse.
    CONTAINER_TYPE = 60026, "DS_DS_CONTAINER_TYPE_INVALID", 1;
    /// A parameter that does not fit the container.
    PARAMETER = 60027, "DS_DS_PARAMETER_INVALID", 1;
    /// An update by row id that changes the key.
    ROW_KEY = 60049, "DS_COL_ROWKEY_INVALID", 1;
    /// A removal by key where there is no key.
    NO_ROW_KEY = 60050, "DS_COL_ROWKEY_UNDEFINED", 1;
    /// A value that is too long, or NULL where it must not be.
    ROW_DATA = 60079, "DS_TIM_ROW_DATA_INVALID", 1;
    /// A row set that does not exist any more.
    RESULT_ID = 60132, "DS_DS_RESULT_ID_INVALID", 1;
    /// An impossible schema change.
    SCHEMA_CHANGE = 60149, "DS_DS_SCHEMA_CHANGE_INVALID", 1;
    /// Insert only: the key exists. Update only: it does not.
    PUT_ROW_OPTION = 60154, "CON_PUT_ROW_OPTION_INVALID", 1;
    /// An index on a missing column.
    COLUMN_ID = 60102, "DS_COLUMN_ID_INVALID", 1;
    /// A page that starts after the last row.
    FETCH_POSITION = 60133, "DS_FETCH_START_POS_INVALID", 1;
    /// A page without rows.
    FETCH_PARAMETER = 60155, "DS_FETCH_PARAMETER_INVALID", 1;
    /// A row set that is longer than its rows.
    INPUT_MESSAGE = 60159, "DS_INPUT_MESSAGE_INVALID", 1;
    /// An unknown container id.
    CONTAINER_GONE = 60157, "DS_CONTAINER_UNEXPECTEDLY_REMOVED", 1;
    /// The wait for a row lock has timed out.
    LOCK_CONFLICT = 60166, "DS_CON_LOCK_CONFLICT", 1;
    /// A row key that is too long.
    ROW_KEY_INVALID = 70002, "QP_ROW_KEY_INVALID", 1;
    /// A read by key where there is no key.
    QUERY_ROW_KEY = 70001, "QP_ROW_KEY_UNDEFINED", 1;
    /// An unknown session.
    SESSION_GONE = 110003, "TM_SESSION_NOT_FOUND", 1;
    /// The transaction does not exist.
    TRANSACTION_GONE = 110005, "TM_TRANSACTION_NOT_FOUND", 1;
    /// An autocommit statement in an open transaction.
    TRANSACTION_OPEN = 110010, "TM_TRANSACTION_ALREADY_BEGIN", 1;
    /// The session exists already.
    SESSION_EXISTS = 110016, "TM_SESSION_UUID_UNMATCHED", 1;
    /// A session mode and a transaction mode that do not match.
    TRANSACTION_MODE = 110031, "TM_TRANSACTION_MODE_INVALID", 1;
    /// A gap in the statement ids of a session.
    STATEMENT_GAP = 110033, "TM_STATEMENT_INVALID", 1;
    /// TLS, which this server does not support.
    OPERATION = 130003, "EE_OPERATION_NOT_ALLOWED", 1;
    /// TQL: a FROM with a name other than the container's.
    TQL_COLLECTION = 150010, "TQ_INVALID_COLLECTION_NAME", 1;
    /// TQL: no such column.
    TQL_COLUMN = 150012, "TQ_COLUMN_NOT_FOUND", 1;
    /// TQL: no such function.
    TQL_FUNCTION = 150014, "TQ_FUNCTION_NOT_FOUND", 1;
    /// TQL: an operator that these types do not support.
    TQL_OPERATION = 150018, "TQ_OPERATION_NOT_DEFINED", 1;
    /// TQL: a division by zero.
    TQL_DIVIDE_BY_ZERO = 150016, "TQ_DIVIDE_BY_ZERO", 1;
    /// TQL: a condition that is not boolean.
    TQL_NOT_BOOLEAN = 150019, "TQ_COLUMN_IS_NOT_BOOLEAN", 1;
    /// TQL: an aggregation that the column does not support.
    TQL_AGGREGATE = 150020, "TQ_COLUMN_CANNOT_AGGREGATE", 1;
    /// TQL: a syntax error.
    TQL_SYNTAX = 151001, "TQ_SYNTAX_ERROR_EXECUTION", 1;
    /// TQL: an invalid token, or an unexpected end.
    TQL_TOKEN = 151002, "TQ_SYNTAX_ERROR_INVALID_TOKEN", 1;
    /// TQL: ORDER BY with an aggregation.
    TQL_ORDER_WITH_AGGREGATION = 151005, "TQ_SYNTAX_ERROR_ORDERBY_WITH_AGGREGATION", 1;
    /// TQL: an argument out of range.
    TQL_ARGUMENT_RANGE = 152012, "TQ_CONSTRAINT_INVALID_ARGUMENT_RANGE", 1;
    /// TQL: an argument of the wrong type.
    TQL_ARGUMENT = 152010, "TQ_CONSTRAINT_INVALID_ARGUMENT_TYPE", 1;
}

impl ErrorCode {
    pub(crate) fn because(self, message: impl Into<String>) -> Refusal {
        Refusal { code: self, message: message.into(), malformed: false }
    }
}

/// A failed statement: the error and its text.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    pub(crate) code: ErrorCode,
    pub(crate) message: String,
    /// The request could not be decoded, so its session is unknown.
    pub(crate) malformed: bool,
}

impl Refusal {
    /// Whether the error aborts the transaction of the statement's session.
    pub(crate) fn aborts(&self) -> bool {
        self.code.status == 1 && !self.malformed && self.code != ErrorCode::SESSION_GONE
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.put_i32(1);
        out.put_i32(self.code.code);
        out.put_string(self.message.as_bytes());
        // type, file and function, which this server leaves empty
        for _ in 0..3 {
            out.put_string(b"");
        }
        out.put_i32(-1);
        out.put_string(self.code.name.as_bytes());
        out.put_i32(0);
    }
}

impl From<ErrorCode> for Refusal {
    fn from(code: ErrorCode) -> Self {
        code.because("")
    }
}

impl From<Malformed> for Refusal {
    fn from(_: Malformed) -> Self {
        Self { malformed: true, ..ErrorCode::INTERNAL.because("Decode failed (unexpected end of stream)") }
    }
}
