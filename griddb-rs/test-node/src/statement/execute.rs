//! From a received message to its answer: privileges, lock waits, refusals.

use super::{Request, Statement, Stop};
use crate::data::change::Change;
use crate::data::session::ClientId;
use crate::error::{ErrorCode, Refusal};
use crate::node::accounts::Login;
use crate::node::connection::{Delivery, Peer};
use crate::node::fault::Fault;
use crate::node::partition::{Partition, Role};
use crate::node::{Node, Power};
use crate::wire::frame::{Answer, ENVELOPE, Head};
use crate::wire::read::Reader;
use bytes::Bytes;
use std::sync::Arc;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::{Duration, Instant};

/// The server's limit for transaction timeouts, in seconds.
const LONGEST_TIMEOUT: i32 = 300;

/// How a statement ended, for its connection.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Done {
    /// Its answer was appended.
    Answered,
    /// Its answer was appended and must be delayed: a silent backup is waited for.
    AnsweredLate(Duration),
    /// It has no answer, or not yet.
    Silent,
    /// The peer sent DISCONNECT.
    Goodbye,
}

/// A pending statement, as kept while it waits for a lock.
#[derive(Debug)]
pub(crate) struct Ticket {
    statement: Statement,
    head: Head,
    message: Bytes,
    login: Arc<Login>,
    answers: UnboundedSender<Delivery>,
    arrived: Instant,
    fault: Option<Fault>,
}

/// The result of one attempt at a statement.
enum Tried {
    /// Its answer was appended and must be delayed this long: a silent backup is waited for.
    Answered(Option<Duration>),
    /// It met a lock and may wait for it.
    Waits,
}

/// What a statement needs to know about its surroundings.
pub(crate) struct Context<'a> {
    pub(super) node: &'a Node,
    pub(super) login: &'a Login,
    pub(super) now: Instant,
}

fn timeout_seconds(request: &Request<'_>, login: &Login) -> u32 {
    let seconds = request.options.transaction_timeout.unwrap_or(login.timeout);
    let seconds = if seconds < 0 { LONGEST_TIMEOUT } else { seconds.min(LONGEST_TIMEOUT) };
    seconds.unsigned_abs()
}

fn timeout(request: &Request<'_>, login: &Login, second: Duration) -> Duration {
    second * timeout_seconds(request, login)
}

impl Node {
    /// Executes a received message. Its answer, if it has one already, is appended to `out`.
    pub(crate) fn execute(
        self: &Arc<Self>,
        peer: &mut Peer,
        head: Head,
        message: &Bytes,
        fault: Option<Fault>,
        out: &mut Vec<u8>,
    ) -> Done {
        let Some(statement) = Statement::from_number(head.statement) else { return Done::Silent };
        let mut body = Reader::new(&message[ENVELOPE..]);
        if Head::read(&mut body).is_err() {
            return Done::Silent;
        }
        if statement == Statement::Disconnect {
            peer.login = None;
            return Done::Goodbye;
        }
        let Some(mut partition) = self.partition(head.partition) else { return Done::Silent };
        if statement.is_node_wide() {
            drop(partition);
            let answer = Answer::begin(out, head);
            let request = Request::read(statement, head, body).map_err(Refusal::from);
            if let Err(refusal) = request.and_then(|request| self.node_wide(peer, request, out)) {
                answer.refuse(out, &refusal);
            }
            answer.finish(out);
            return Done::Answered;
        }
        let Some(login) = peer.login.clone() else {
            let answer = Answer::begin(out, head);
            answer.refuse(out, &ErrorCode::AUTH_REQUIRED.into());
            answer.finish(out);
            return Done::Answered;
        };
        let ticket = Ticket {
            statement,
            head,
            message: message.clone(),
            login,
            answers: peer.answers.clone(),
            arrived: Instant::now(),
            fault,
        };
        match self.attempt(&mut partition, &ticket, out) {
            Tried::Answered(delay) => delay.map_or(Done::Answered, Done::AnsweredLate),
            Tried::Waits => {
                partition.waiting.push(ticket);
                Done::Silent
            }
        }
    }

    /// Retries the waiting statements of a partition, if what they wait for may have ended.
    pub(crate) fn wake(self: &Arc<Self>, number: i32) {
        let Some(mut partition) = self.partition(number) else { return };
        while self.power() != Power::Off && std::mem::take(&mut partition.woken) {
            self.retry_waiting(&mut partition);
        }
    }

    /// Tries every waiting statement once more.
    pub(crate) fn retry_waiting(self: &Arc<Self>, partition: &mut Partition) {
        for ticket in std::mem::take(&mut partition.waiting) {
            let mut answer = Vec::new();
            match self.attempt(partition, &ticket, &mut answer) {
                Tried::Answered(delay) => {
                    let fault = ticket.fault.or(delay.map(Fault::Delay));
                    // a statement runs even if its connection has closed
                    drop(ticket.answers.send(Delivery { answer, head: ticket.head, fault }));
                }
                Tried::Waits => partition.waiting.push(ticket),
            }
        }
    }

    /// Executes a statement of a partition, unless it meets a lock.
    fn attempt(self: &Arc<Self>, partition: &mut Partition, ticket: &Ticket, out: &mut Vec<u8>) -> Tried {
        let answer = Answer::begin(out, ticket.head);
        let mut body = Reader::new(&ticket.message[ENVELOPE..]);
        let read = Head::read(&mut body).and_then(|head| Request::read(ticket.statement, head, body));
        let mut request = match read {
            Ok(request) => request,
            Err(malformed) => {
                answer.refuse(out, &malformed.into());
                answer.finish(out);
                return Tried::Answered(None);
            }
        };
        self.counters.may_wait(ticket.statement, timeout_seconds(&request, &ticket.login));
        let context = Context { node: self, login: &ticket.login, now: Instant::now() };
        let result = match check(partition, &request, &ticket.login) {
            Ok(()) => context.run(partition, &mut request, out, &answer),
            Err(refusal) => Err(Stop::Refused(refusal)),
        };
        let client = request.fixed.client;
        let mut delay = None;
        match result {
            Ok(()) if request.is_repeated_at_backups() => delay = self.replication_delay(partition),
            Ok(()) => {}
            Err(Stop::Refused(refusal)) => {
                if refusal.aborts() {
                    abort_open(partition, client);
                }
                if refusal.code == ErrorCode::NODE_ERROR {
                    self.fail();
                }
                answer.refuse(out, &refusal);
            }
            Err(Stop::Conflict) => {
                step_back(partition, &request);
                let waited = context.now.duration_since(ticket.arrived);
                let timeout = timeout(&request, &ticket.login, self.options.second);
                if waited < timeout {
                    answer.discard(out);
                    return Tried::Waits;
                }
                abort_open(partition, client);
                let text = format!(
                    "Transaction timed out by lock conflict (elapsedMillis={}, timeoutMillis={})",
                    waited.as_millis(),
                    timeout.as_millis()
                );
                answer.refuse(out, &ErrorCode::LOCK_CONFLICT.because(text));
            }
        }
        answer.finish(out);
        Tried::Answered(delay)
    }
}

/// Whether the login and this node's role allow the statement.
fn check(partition: &Partition, request: &Request<'_>, login: &Login) -> Result<(), Refusal> {
    let needs_owner = request.needs_owner();
    if request.is_repeated_at_backups() && !login.may_write {
        return Err(ErrorCode::ACCESS.into());
    }
    if needs_owner && !login.immediate {
        return Err(ErrorCode::CONSISTENCY.because("immediate consistency required"));
    }
    let text = |required, actual| {
        let (number, changes) = (partition.number, partition.state.changes);
        format!("(pId={number}, required={{{required}}}, actual={actual}, revision=1, LSN={changes})")
    };
    match partition.role {
        Role::Owner => Ok(()),
        Role::Backup if !needs_owner => Ok(()),
        Role::Backup => Err(ErrorCode::PARTITION_ROLE.because(text("OWNER", "BACKUP"))),
        Role::Off => Err(ErrorCode::PARTITION_STATE.because(text("ON", "OFF"))),
        Role::Stop => Err(ErrorCode::PARTITION_STATE.because(text("ON", "STOP"))),
    }
}

/// Aborts the open transaction of a statement's session.
fn abort_open(partition: &mut Partition, client: Option<ClientId>) {
    let open = client.and_then(|client| partition.state.session(&client)?.transaction);
    if let Some(txn) = open {
        partition.apply(Change::Abort(txn));
    }
}

/// Undoes what a statement that has to wait had begun: its transaction, and its session if it created it.
fn step_back(partition: &mut Partition, request: &Request<'_>) {
    let Some(client) = request.fixed.client else { return };
    if request.fixed.transaction_mode == super::transaction::BEGIN {
        abort_open(partition, Some(client));
        if let Some(statement) = request.before_rows {
            partition.apply(Change::Executed { client, statement });
        }
    }
    if request.fixed.session_mode == super::transaction::CREATE {
        partition.apply(Change::CloseSession(client));
    }
}

impl Context<'_> {
    /// How long the statement may wait for locks, and the lifetime of transactions in a session that it creates.
    pub(super) fn timeout(&self, request: &Request<'_>) -> Duration {
        timeout(request, self.login, self.node.options.second)
    }

    fn run(
        &self,
        partition: &mut Partition,
        request: &mut Request<'_>,
        out: &mut Vec<u8>,
        answer: &Answer,
    ) -> Result<(), Stop> {
        match request.statement {
            Statement::GetContainer => self.get_container(partition, request, out),
            Statement::PutContainer => self.put_container(partition, request, out),
            Statement::DropContainer => self.drop_container(partition, request),
            Statement::GetContainerProperties => self.container_properties(partition, request, out),
            Statement::CreateIndex => self.create_index(partition, request),
            Statement::DropIndex => self.drop_index(partition, request),
            Statement::FlushLog => {
                partition.state.sync();
                Ok(())
            }
            Statement::CreateSession => self.create_session(partition, request),
            Statement::CloseSession => self.close_session(partition, request),
            Statement::Commit | Statement::Abort => self.end_transaction(partition, request),
            Statement::GetRow => self.get_row(partition, request, out),
            Statement::PutRow => self.put_row(partition, request, out),
            Statement::PutMultipleRows => self.put_rows(partition, request, out),
            Statement::RemoveRow => self.remove_row(partition, request, out),
            Statement::UpdateRowById => self.update_by_id(partition, request),
            Statement::RemoveRowById => self.remove_by_id(partition, request),
            Statement::QueryTql => self.query_tql(partition, request, out, answer),
            Statement::FetchRowSet => self.fetch_row_set(partition, request, out, answer),
            Statement::CloseRowSet => self.close_row_set(partition, request),
            Statement::GetMultipleContainerRows => self.get_many(partition, request, out),
            Statement::PutMultipleContainerRows => self.put_many(partition, request),
            Statement::ExecuteMultipleQueries => self.query_many(partition, request, out),
            _ => Err(ErrorCode::NOT_SUPPORTED.because("not in the test node").into()),
        }
    }
}
