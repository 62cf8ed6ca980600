//! What can go wrong, and what the caller may conclude from it.

use std::{error::Error as StdError, fmt, sync::Arc};

use crate::wire::{
    container_name::InvalidName, envelope::Status, message::failure::Failure, reader::DecodeError,
    row_set::InputError,
};

/// An error of this client or of the server.
///
/// It is opaque: use its predicates. `Display` and `Debug` use this client's own words and the server's code and
/// its name. They never contain the server's free text, which can quote keys and names of your data; use
/// [`server_text`](Self::server_text) for that.
///
/// Two questions matter to a caller. Did anything change? If [`is_outcome_unknown`](Self::is_outcome_unknown) is
/// `true`, nobody can tell; otherwise nothing was changed. Is it worth another try? See
/// [`is_retryable`](Self::is_retryable).
#[derive(Clone)]
pub struct Error(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    outcome_unknown: bool,
    message: Option<Arc<str>>,
    failure: Option<Failure>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

/// The kind of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The URL or an option is invalid, or the cluster has another name.
    Config,
    /// User, password or database were refused, or the user lacks the privilege.
    Auth,
    /// Two of the configured addresses name different masters, so they are not one cluster.
    SplitCluster,
    /// No node can serve this now.
    Unavailable,
    /// Too much is queued for the node. Nothing was sent.
    Busy,
    /// The connection was lost.
    ConnectionLost,
    /// No answer arrived before the deadline.
    Timeout,
    /// An insert found that the key exists.
    KeyExists,
    /// An update of an existing row found none.
    KeyMissing,
    /// Another client held the row's lock for too long.
    LockTimeout,
    /// The transaction is gone: it took too long, or one of its statements failed.
    TransactionAborted,
    /// The container does not exist.
    ContainerMissing,
    /// The container's columns differ from the requested ones.
    SchemaMismatch,
    /// A row, key or name cannot be sent or was refused.
    Input,
    /// The query was refused.
    Query,
    /// The server has dropped the result that the pages come from.
    ResultGone,
    /// The answer is longer than `max_answer` allows. A retry would fail in the same way.
    AnswerTooLong,
    /// The received bytes violate the protocol.
    Protocol,
    /// The client was closed.
    Closed,
    /// Another error of the server.
    Server,
}

impl ErrorKind {
    fn words(self) -> &'static str {
        match self {
            Self::Config => "the configuration is invalid",
            Self::Auth => "the login or the privilege was refused",
            Self::SplitCluster => "the addresses belong to different clusters",
            Self::Unavailable => "no node can serve this now",
            Self::Busy => "too much is queued for the node",
            Self::ConnectionLost => "the connection was lost",
            Self::Timeout => "no answer arrived in time",
            Self::KeyExists => "the key exists already",
            Self::KeyMissing => "no row has that key",
            Self::LockTimeout => "the row is locked by another client",
            Self::TransactionAborted => "the transaction was aborted",
            Self::ContainerMissing => "the container does not exist",
            Self::SchemaMismatch => "the container has other columns",
            Self::Input => "the input cannot be stored",
            Self::Query => "the query was refused",
            Self::ResultGone => "the server has dropped the result",
            Self::AnswerTooLong => "the answer is longer than `max_answer` allows",
            Self::Protocol => "the server violated the protocol",
            Self::Closed => "the client is closed",
            Self::Server => "the server reported an error",
        }
    }
}

/// Codes that this client reacts to.
pub(crate) mod code {
    pub(crate) const AUTH_REQUIRED: i32 = 10006;
    pub(crate) const NOT_MASTER: i32 = 10008;
    pub(crate) const SCHEMA_VERSION: i32 = 10017;
    pub(crate) const PUT_MODE: i32 = 60154;
    pub(crate) const CONTAINER_GONE: i32 = 60157;
    pub(crate) const SESSION_NOT_FOUND: i32 = 110_003;
}

impl Error {
    pub(crate) fn new(kind: ErrorKind) -> Self {
        Self(Arc::new(Inner { kind, outcome_unknown: false, message: None, failure: None, source: None }))
    }

    pub(crate) fn with_message(kind: ErrorKind, message: impl Into<Arc<str>>) -> Self {
        Self::new(kind).map(|inner| inner.message = Some(message.into()))
    }

    pub(crate) fn with_source(kind: ErrorKind, source: impl StdError + Send + Sync + 'static) -> Self {
        Self::new(kind).map(|inner| inner.source = Some(Arc::new(source)))
    }

    /// Like [`with_source`](Self::with_source), with a message of its own.
    pub(crate) fn with_both(
        kind: ErrorKind,
        message: impl Into<Arc<str>>,
        source: impl StdError + Send + Sync + 'static,
    ) -> Self {
        Self::with_source(kind, source).map(|inner| inner.message = Some(message.into()))
    }

    /// An error that the server returned.
    pub(crate) fn server(status: Status, failure: Failure) -> Self {
        let kind = kind_of(status, failure.code);
        // A failing node may have executed the statement, unless it says that its queue was full. 10020 is a write
        // that waited for its replicas in vain.
        let refused = kind == ErrorKind::Unavailable;
        let says_nothing = failure.code == 0;
        let outcome_unknown =
            (status == Status::NodeError && !refused) || failure.code == 10020 || says_nothing;
        Self::new(kind).map(|inner| {
            inner.outcome_unknown = outcome_unknown;
            inner.failure = Some(failure);
        })
    }

    /// The server started the statement and refused one of its rows.
    pub(crate) fn is_about_a_row(&self) -> bool {
        let before_any = self.is_unavailable()
            || matches!(
                self.kind(),
                ErrorKind::Auth | ErrorKind::ContainerMissing | ErrorKind::SchemaMismatch
            );
        self.code().is_some() && !before_any
    }

    /// The server has forgotten the connection's login.
    pub(crate) fn is_logged_out(&self) -> bool {
        matches!(self.code(), Some(code::AUTH_REQUIRED | 10091 | 10092))
    }

    /// The same error for a statement that the server may or may not have executed.
    pub(crate) fn into_unknown(self) -> Self {
        self.map(|inner| inner.outcome_unknown = true)
    }

    /// The same error for a statement that was certainly not executed.
    pub(crate) fn into_not_done(self) -> Self {
        self.map(|inner| inner.outcome_unknown = false)
    }

    /// The same error with another kind.
    pub(crate) fn into_kind(self, kind: ErrorKind) -> Self {
        self.map(|inner| inner.kind = kind)
    }

    /// The error of an update-only put, whose code is also that of an insert that found its key.
    pub(crate) fn into_key_missing(self) -> Self {
        match self.kind() {
            ErrorKind::KeyExists => self.into_kind(ErrorKind::KeyMissing),
            _ => self,
        }
    }

    fn map(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }

    /// The kind of the error.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The server's code, such as 60166, if the server returned one.
    pub fn code(&self) -> Option<i32> {
        self.0.failure.as_ref().map(|failure| failure.code)
    }

    /// The name of that code, such as `DS_CON_LOCK_CONFLICT`.
    pub fn code_name(&self) -> Option<&str> {
        self.0.failure.as_ref().map(|failure| failure.name.as_str())
    }

    /// The server's free text. It can quote keys, names and values of your data: do not log it unfiltered.
    pub fn server_text(&self) -> Option<&str> {
        self.0.failure.as_ref().map(|failure| failure.text.as_str())
    }

    /// User, password or database were refused. A retry does not help.
    pub fn is_auth(&self) -> bool {
        self.kind() == ErrorKind::Auth
    }

    /// An insert found that the key exists.
    pub fn is_key_exists(&self) -> bool {
        self.kind() == ErrorKind::KeyExists
    }

    /// An update of an existing row found none.
    pub fn is_key_missing(&self) -> bool {
        self.kind() == ErrorKind::KeyMissing
    }

    /// Another client held the row's lock for too long; nothing was changed.
    pub fn is_lock_timeout(&self) -> bool {
        self.kind() == ErrorKind::LockTimeout
    }

    /// The database cannot be reached or cannot serve this now. Try later, and tell users so.
    pub fn is_unavailable(&self) -> bool {
        matches!(
            self.kind(),
            ErrorKind::Unavailable | ErrorKind::Busy | ErrorKind::ConnectionLost | ErrorKind::Timeout
        )
    }

    /// No answer arrived before the deadline.
    pub fn is_timeout(&self) -> bool {
        self.kind() == ErrorKind::Timeout
    }

    /// Whether the change was made is unknown, and it may even be made later: a statement that waits for a lock
    /// keeps waiting. If something must happen only once, treat it as done.
    pub fn is_outcome_unknown(&self) -> bool {
        self.0.outcome_unknown
    }

    /// Nothing was changed, and the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        let passing = matches!(
            self.kind(),
            ErrorKind::Unavailable
                | ErrorKind::Busy
                | ErrorKind::ConnectionLost
                | ErrorKind::Timeout
                | ErrorKind::LockTimeout
                | ErrorKind::TransactionAborted
                | ErrorKind::ResultGone
        );
        passing && !self.0.outcome_unknown
    }
}

fn kind_of(status: Status, code: i32) -> ErrorKind {
    match code {
        10005 | 10099 => ErrorKind::Auth,
        // The server has forgotten the login. A new connection fixes that.
        code::AUTH_REQUIRED | 10091 | 10092 => ErrorKind::ConnectionLost,
        10053 => ErrorKind::Config,
        code::NOT_MASTER | 10009 | 10010 | 10064 | 10075 => ErrorKind::Unavailable,
        10016 | code::CONTAINER_GONE => ErrorKind::ContainerMissing,
        code::SCHEMA_VERSION | 60015 | 60016 | 60026 | 60027 | 60149 => ErrorKind::SchemaMismatch,
        1008 | 60049 | 60079 => ErrorKind::Input,
        60132 => ErrorKind::ResultGone,
        code::PUT_MODE => ErrorKind::KeyExists,
        60054 | 60166 => ErrorKind::LockTimeout,
        code::SESSION_NOT_FOUND | 110_005 | 110_010 | 110_016 | 110_033 => ErrorKind::TransactionAborted,
        150_000..=152_999 => ErrorKind::Query,
        _ if status == Status::Deny => ErrorKind::Unavailable,
        _ => ErrorKind::Server,
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.message {
            Some(message) => f.write_str(message)?,
            None => f.write_str(self.kind().words())?,
        }
        if let Some(failure) = &self.0.failure {
            write!(f, " ({} {})", failure.code, failure.name)?;
        }
        if self.0.outcome_unknown {
            f.write_str("; whether the change was made is unknown")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.kind())
            .field("outcome_unknown", &self.0.outcome_unknown)
            .field("message", &self.0.message)
            .field("failure", &self.0.failure)
            .field("source", &self.0.source)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

impl From<DecodeError> for Error {
    fn from(error: DecodeError) -> Self {
        Self::with_source(ErrorKind::Protocol, error)
    }
}

impl From<InputError> for Error {
    fn from(error: InputError) -> Self {
        Self::with_message(ErrorKind::Input, error.to_string())
    }
}

impl From<InvalidName> for Error {
    fn from(error: InvalidName) -> Self {
        Self::with_message(ErrorKind::Input, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(code: i32) -> Failure {
        Failure { code, name: "SOME_NAME".into(), text: "key = 'sesame'".into() }
    }

    #[test]
    fn the_servers_text_is_only_in_its_accessor() {
        let error = Error::server(Status::StatementError, failure(60166));
        assert_eq!(error.to_string(), "the row is locked by another client (60166 SOME_NAME)");
        assert!(!format!("{error:?}").contains("sesame"));
        assert_eq!(error.server_text(), Some("key = 'sesame'"));
        assert!(error.is_lock_timeout() && error.is_retryable() && !error.is_outcome_unknown());
    }

    #[test]
    fn an_unknown_outcome_is_said_and_not_retryable() {
        let error = Error::new(ErrorKind::ConnectionLost).into_unknown();
        assert_eq!(error.to_string(), "the connection was lost; whether the change was made is unknown");
        assert!(error.is_unavailable() && error.is_outcome_unknown() && !error.is_retryable());
        assert!(Error::server(Status::NodeError, failure(1)).is_outcome_unknown());
    }

    #[test]
    fn a_deny_with_another_code_is_unavailable() {
        assert!(Error::server(Status::Deny, failure(10011)).is_unavailable());
        assert_eq!(Error::server(Status::StatementError, failure(10011)).kind(), ErrorKind::Server);
        assert!(Error::server(Status::StatementError, failure(10005)).is_auth());
    }
}
