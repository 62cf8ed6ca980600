//! Sessions and transactions: what a statement runs in, and the order of a session's statements.

use super::execute::Context;
use super::index::check_version;
use super::{Request, Statement, Stop};
use crate::data::change::Change;
use crate::data::container::{Container, TxnId};
use crate::data::session::{ClientId, Session};
use crate::error::{ErrorCode, Refusal};
use crate::node::partition::Partition;
use crate::wire::read::Malformed;
use tokio::time::{Duration, Instant};

/// A session expires after this many idle seconds.
const KEPT_AT_LEAST: u32 = 300;

/// Session mode: create the session. (0: no session, 2: an existing one.)
pub(super) const CREATE: u8 = 1;
const GET: u8 = 2;
/// Transaction mode: begin one. (0: autocommit, 2: continue the open one.)
pub(super) const BEGIN: u8 = 1;
const CONTINUE: u8 = 2;

/// How a statement takes part in a session's numbering.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// May be repeated.
    Read,
    /// Executed once: a repetition is answered as done.
    Write,
    /// Many rows, each of which is executed once.
    Rows,
}

/// What a row statement runs in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scope {
    pub(super) container: i64,
    pub(super) txn: Option<TxnId>,
    session: Option<ClientId>,
    /// The session's last statement before this one.
    pub(super) last_statement: i64,
}

/// Whether a statement is to be executed.
#[derive(Debug)]
pub(super) enum Entry {
    Go(Scope),
    /// It was executed before.
    Repeated,
}

/// A session's mode, as the statement requests it.
struct Modes {
    session: u8,
    transaction: u8,
}

impl Context<'_> {
    /// Finds or creates the session and the transaction of a statement.
    pub(super) fn enter(
        &self,
        partition: &mut Partition,
        request: &Request<'_>,
        kind: Kind,
    ) -> Result<Entry, Refusal> {
        let modes =
            Modes { session: request.fixed.session_mode, transaction: request.fixed.transaction_mode };
        self.enter_with(partition, request, kind, &modes)
    }

    fn enter_with(
        &self,
        partition: &mut Partition,
        request: &Request<'_>,
        kind: Kind,
        modes: &Modes,
    ) -> Result<Entry, Refusal> {
        let client = request.fixed.client.ok_or(Malformed)?;
        let timeout = self.timeout(request);
        match modes.session {
            CREATE => {
                if partition.state.session(&client).is_some() {
                    return Err(ErrorCode::SESSION_EXISTS.into());
                }
                if modes.transaction == CONTINUE {
                    return Err(ErrorCode::TRANSACTION_MODE.into());
                }
                let session = Session::new(request.fixed.container, timeout, self.kept_until(timeout));
                partition.apply(Change::OpenSession { client, session });
            }
            GET => {
                let session = partition.state.session_mut(&client).ok_or(ErrorCode::SESSION_GONE)?;
                session.expires = self.kept_until(timeout);
                let (last, id) = (session.last_statement, request.head.id);
                if kind == Kind::Write && !is_later(id, last) {
                    return Ok(Entry::Repeated);
                }
                // check many rows only after the transaction is known to exist
                let no_transaction = session.transaction.is_none() && kind == Kind::Rows;
                let gap = is_later(id, last.wrapping_add(1)) && !no_transaction;
                if modes.transaction == CONTINUE && gap {
                    let text = format!("(lastStmtId={last}, stmtId={id})");
                    return Err(ErrorCode::STATEMENT_GAP.because(text));
                }
            }
            _ => {
                if modes.transaction != 0 {
                    return Err(ErrorCode::TRANSACTION_MODE.into());
                }
                let container = request.fixed.container;
                return Ok(Entry::Go(Scope { container, txn: None, session: None, last_statement: 0 }));
            }
        }
        let session = partition.state.session(&client).ok_or(ErrorCode::SESSION_GONE)?;
        let scope = Scope {
            container: session.container,
            txn: session.transaction,
            session: Some(client),
            last_statement: session.last_statement,
        };
        match (modes.transaction, session.transaction) {
            (BEGIN, None) => {
                let (txn, expires) = (partition.state.next_transaction(), self.now + session.timeout);
                partition.apply(Change::Begin { client, txn, expires });
                Ok(Entry::Go(Scope { txn: Some(txn), ..scope }))
            }
            (CONTINUE, None) => {
                let text = format!("(lastStmtId={})", session.last_statement);
                Err(ErrorCode::TRANSACTION_GONE.because(text))
            }
            (0, Some(_)) => Err(ErrorCode::TRANSACTION_OPEN.into()),
            _ => Ok(Entry::Go(scope)),
        }
    }

    /// When a session expires that is used now.
    fn kept_until(&self, timeout: Duration) -> Instant {
        self.now + timeout.max(self.node.options.second * KEPT_AT_LEAST)
    }

    /// Records a statement of a session as executed.
    pub(super) fn leave(&self, partition: &mut Partition, scope: Scope, statement: i64) {
        if let Some(client) = scope.session {
            partition.apply(Change::Executed { client, statement });
        }
    }

    pub(super) fn create_session(
        &self,
        partition: &mut Partition,
        request: &Request<'_>,
    ) -> Result<(), Stop> {
        let client = request.fixed.client.ok_or(Malformed)?;
        if partition.state.session(&client).is_some() {
            return Err(ErrorCode::SESSION_EXISTS.into());
        }
        let timeout = self.timeout(request);
        let session = Session::new(request.fixed.container, timeout, self.kept_until(timeout));
        partition.apply(Change::OpenSession { client, session });
        Ok(())
    }

    pub(super) fn close_session(&self, partition: &mut Partition, request: &Request<'_>) -> Result<(), Stop> {
        let client = request.fixed.client.ok_or(Malformed)?;
        if let Some(session) = partition.state.session(&client) {
            partition.woken |= session.transaction.is_some();
            partition.apply(Change::CloseSession(client));
        }
        Ok(())
    }

    /// COMMIT and ABORT.
    pub(super) fn end_transaction(
        &self,
        partition: &mut Partition,
        request: &Request<'_>,
    ) -> Result<(), Stop> {
        let modes = Modes { session: GET, transaction: CONTINUE };
        let abort = request.statement == Statement::Abort;
        let entry = match self.enter_with(partition, request, Kind::Write, &modes) {
            // nothing to abort counts as aborted
            Err(refusal) if abort && refusal.code == ErrorCode::TRANSACTION_GONE => return Ok(()),
            entry => entry?,
        };
        if let Entry::Go(scope) = entry
            && let Some(txn) = scope.txn
        {
            partition.apply(if abort { Change::Abort(txn) } else { Change::Commit(txn) });
            partition.woken = true;
            self.leave(partition, scope, request.head.id);
        }
        Ok(())
    }
}

/// The container that a statement works on: that of its session, if it has one.
pub(super) fn container<'p>(
    partition: &'p Partition,
    scope: &Scope,
    request: &Request<'_>,
) -> Result<&'p Container, Refusal> {
    let container = partition.state.container(scope.container).ok_or(ErrorCode::CONTAINER_GONE)?;
    check_version(container, request.fixed.schema_version)?;
    Ok(container)
}

/// Statement ids are compared as unsigned numbers.
pub(super) fn is_later(id: i64, than: i64) -> bool {
    id.cast_unsigned() > than.cast_unsigned()
}
