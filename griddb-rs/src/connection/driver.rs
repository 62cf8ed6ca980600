//! The task that owns the socket: it reads answers, writes queued statements and enforces deadlines.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::{Buf as _, BytesMut};
use tokio::{
    io::AsyncReadExt as _,
    net::tcp::OwnedReadHalf,
    time::{Instant, Sleep, sleep, timeout},
};

use super::{Shared, closed, expire::Held, state::State, ticket::Answer};
use crate::{
    error::{Error, ErrorKind},
    stats::Counters,
    wire::{
        envelope::{self, Status},
        message::{connect, failure},
        reader::{DecodeError, Reader},
        statement::Statement,
    },
};

/// How often deadlines are checked while statements are in flight.
const TICK: Duration = Duration::from_millis(20);
/// Reserved for reading. The buffer grows for longer answers as their bytes arrive.
const READ_ROOM: usize = 32 << 10;
/// An answer counts as a sign of life if at least this many bytes of it arrive between two heartbeats. That is
/// more than all answers to heartbeats and pending statements together, which a wrong length could make part of
/// it.
const PROGRESS: usize = 16 << 10;
/// Kept for writing. What a burst or a large row needed beyond it is freed.
const KEPT_ROOM: usize = 1 << 20;
/// With this many statements in flight, a write first waits for other callers that are about to queue theirs.
const CROWD: usize = 3;
/// How long a closing connection waits for answers that have a waiting caller.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a closing connection waits for answers without a waiting caller, for the socket to take the last
/// bytes, and for the server to close its side.
pub(super) const FAREWELL: Duration = Duration::from_millis(500);

/// The part of the configuration that a driver needs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) max_answer: usize,
    pub(super) heartbeat: Duration,
    pub(super) keepalive: Duration,
    /// The longest time that one answer may take to arrive, from its first byte to its last.
    pub(super) longest_arrival: Duration,
}

pub(super) struct Driver {
    shared: Arc<Shared>,
    read: OwnedReadHalf,
    limits: Limits,
    input: BytesMut,
    /// Bytes still to come of an oversized answer, which are skipped.
    unwanted: usize,
    /// Since when an incomplete answer has been arriving.
    arriving_since: Option<Instant>,
    /// Bytes of it that arrived since the last sign of life.
    arrived: usize,
    /// The bytes being written. Callers queue into another buffer meanwhile, and the two are swapped.
    output: Vec<u8>,
    output_at: usize,
    /// The output starts in the middle of a message.
    output_is_cut: bool,
    /// The socket accepted no more bytes the last time.
    blocked: bool,
    wakers: Vec<Waker>,
    clock: Pin<Box<Sleep>>,
    /// The timer runs at tick intervals because statements are in flight.
    ticking: bool,
    /// The timer runs until the connection has been idle for long.
    dozing: bool,
    /// When the pending heartbeat was sent.
    heartbeat_sent: Option<Instant>,
    heartbeat_id: i32,
    /// Writing has already waited once for other callers.
    gathered: bool,
    closing_since: Option<Instant>,
    goodbye: bool,
}

/// Why a driver stops.
enum End {
    /// All handles were dropped.
    Wanted,
    Failed(Error),
}

impl Driver {
    pub(super) fn new(shared: Arc<Shared>, read: OwnedReadHalf, input: BytesMut, limits: Limits) -> Self {
        Self {
            shared,
            read,
            limits,
            input,
            unwanted: 0,
            arriving_since: None,
            arrived: 0,
            output: Vec::new(),
            output_at: 0,
            output_is_cut: false,
            blocked: false,
            wakers: Vec::new(),
            clock: Box::pin(sleep(TICK)),
            ticking: false,
            dozing: false,
            heartbeat_sent: None,
            heartbeat_id: 1,
            gathered: false,
            closing_since: None,
            goodbye: false,
        }
    }

    pub(super) async fn run(mut self) {
        let end = poll_fn(|context| self.poll(context)).await;
        match end {
            End::Wanted => {
                let reason = self.shared.lock().ended.clone();
                self.shared.end(&reason.unwrap_or_else(closed));
            }
            End::Failed(error) => {
                Counters::add(&self.shared.counters.connections_lost, 1);
                tracing::warn!(node = %self.shared.address, %error, "connection to GridDB lost");
                self.shared.end(&error);
            }
        }
        self.say_goodbye().await;
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<End> {
        {
            let mut state = self.shared.lock();
            match &mut state.driver {
                Some(known) => known.clone_from(context.waker()),
                None => state.driver = Some(context.waker().clone()),
            }
        }
        if let Poll::Ready(error) = self.poll_read(context) {
            return Poll::Ready(End::Failed(error));
        }
        if self.closing_since.is_none() && self.shared.lock().closing {
            self.closing_since = Some(Instant::now());
        }
        if let Poll::Ready(error) = self.poll_clock(context) {
            return Poll::Ready(End::Failed(error));
        }
        if let Poll::Ready(error) = self.poll_write(context) {
            return Poll::Ready(End::Failed(error));
        }
        if self.closing_since.is_some() && self.nothing_left() {
            return Poll::Ready(End::Wanted);
        }
        Poll::Pending
    }

    /// Reads until the socket has no more data. Ready only on an error.
    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<Error> {
        loop {
            if self.input.capacity() - self.input.len() < READ_ROOM / 8 {
                self.input.reserve(READ_ROOM);
            }
            match pin!(self.read.read_buf(&mut self.input)).poll(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(error)) => return Poll::Ready(lost(error)),
                Poll::Ready(Ok(0)) => return Poll::Ready(Error::new(ErrorKind::ConnectionLost)),
                Poll::Ready(Ok(read)) => {
                    self.arrived += read;
                    if let Err(error) = self.take_answers() {
                        return Poll::Ready(error);
                    }
                }
            }
        }
    }

    /// Delivers the complete messages in the input.
    fn take_answers(&mut self) -> Result<(), Error> {
        let shared = Arc::clone(&self.shared);
        let result = {
            let mut state = shared.lock();
            let mut any = false;
            loop {
                if self.unwanted > 0 {
                    let length = self.unwanted.min(self.input.len());
                    self.input.advance(length);
                    self.unwanted -= length;
                    if self.unwanted > 0 {
                        break self.note_life(&mut state, any);
                    }
                    any = true;
                }
                match self.next_answer(&mut state) {
                    Ok(true) => any = true,
                    Ok(false) => break self.note_life(&mut state, any),
                    Err(error) => break Err(error),
                }
            }
        };
        self.wakers.drain(..).for_each(Waker::wake);
        result
    }

    /// Delivers the first message in the input. Returns `false` while it is incomplete.
    fn next_answer(&mut self, state: &mut State) -> Result<bool, Error> {
        match envelope::message_length(&self.input, self.limits.max_answer) {
            Ok(Some(length)) if length <= self.input.len() => {
                let message = self.input.split_to(length).freeze();
                match deliver(state, message, &mut self.wakers).map_err(lost)? {
                    Delivered::Answer => Ok(true),
                    Delivered::NodeFailure(error) => Err(error),
                    Delivered::LoggedOut => {
                        // Statements in flight get the same answer. Nothing new is sent on this connection.
                        state.closing = true;
                        state.ended = Some(Error::with_message(
                            ErrorKind::ConnectionLost,
                            "the node has forgotten the login",
                        ));
                        self.shared.open.store(false, Ordering::Release);
                        Ok(true)
                    }
                }
            }
            Ok(Some(length)) => {
                // The buffer grows with the bytes that arrived, to at most twice their number.
                let missing = length - self.input.len();
                self.input.reserve(missing.min(self.input.len().max(READ_ROOM)));
                Ok(false)
            }
            Ok(None) => Ok(false),
            // Fail the statement that this answers. Its id follows the length.
            Err(DecodeError::TooLong) if self.input.len() < envelope::HEAD => Ok(false),
            Err(DecodeError::TooLong) => {
                if !refuse_long_answer(state, &self.input, &mut self.wakers) {
                    return Err(lost(DecodeError::TooLong));
                }
                self.unwanted = envelope::message_length(&self.input, usize::MAX).map_err(lost)?.unwrap_or(0);
                Ok(true)
            }
            Err(error) => Err(lost(error)),
        }
    }

    /// Called when bytes arrive, with whether they completed an answer. The node is alive, and the answer to a
    /// heartbeat may be queued behind much else. But if an answer's length field is too large, all answers to
    /// heartbeats and statements are taken for a part of it.
    ///
    /// # Errors
    /// An answer takes longer to arrive than any statement may wait.
    fn note_life(&mut self, state: &mut State, any: bool) -> Result<(), Error> {
        let now = Instant::now();
        let is_cut = self.unwanted > 0 || !self.input.is_empty();
        self.arriving_since = match self.arriving_since {
            _ if !is_cut => None,
            Some(since) if !any => Some(since),
            _ => Some(now),
        };
        if self.arriving_since.is_some_and(|since| now - since >= self.limits.longest_arrival) {
            return Err(Error::with_message(ErrorKind::ConnectionLost, "an answer took too long to arrive"));
        }
        if any || self.arrived >= PROGRESS {
            self.arrived = 0;
            state.quiet_since = Some(now);
            state.unanswered = false;
            self.heartbeat_sent = None;
        }
        Ok(())
    }

    /// Writes the queue until the socket accepts no more. Ready only on an error.
    fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<Error> {
        loop {
            if self.output.is_empty() {
                let mut state = self.shared.lock();
                if !state.has_output() {
                    self.gathered = false;
                    return Poll::Pending;
                }
                if state.waiting >= CROWD && !self.gathered {
                    // Callers whose answers have just arrived are about to queue their next statements. Let them
                    // run first, and write everything at once.
                    self.gathered = true;
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                self.gathered = false;
                let flushes = state.seal_flushes();
                Counters::add(&self.shared.counters.statements, flushes);
                self.output_is_cut = std::mem::take(&mut state.cut);
                std::mem::swap(&mut state.out, &mut self.output);
                state.writing = true;
            }
            match self.read.as_ref().try_write(&self.output[self.output_at..]) {
                Ok(written) => {
                    self.output_at += written;
                    let mut state = self.shared.lock();
                    state.written += written as u64;
                    if self.output_at == self.output.len() {
                        self.output.clear();
                        self.output.shrink_to(KEPT_ROOM);
                        self.output_at = 0;
                        state.writing = false;
                    }
                    if std::mem::take(&mut self.blocked) {
                        // The peer reads.
                        state.quiet_since = Some(Instant::now());
                        self.heartbeat_sent = None;
                    }
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    self.blocked = true;
                    match self.read.as_ref().poll_write_ready(context) {
                        Poll::Pending => return Poll::Pending,
                        Poll::Ready(Ok(())) => {}
                        Poll::Ready(Err(error)) => return Poll::Ready(lost(error)),
                    }
                }
                Err(error) => return Poll::Ready(lost(error)),
            }
        }
    }

    /// Checks deadlines and how long the node has been silent. Ready only on an error.
    fn poll_clock(&mut self, context: &mut Context<'_>) -> Poll<Error> {
        loop {
            if !self.ticking {
                let mut state = self.shared.lock();
                let is_idle = state.slots.is_empty() && !state.sent_since_tick && !state.unanswered;
                if is_idle && self.closing_since.is_none() {
                    state.ticking = false;
                    drop(state);
                    return self.doze(context);
                }
                state.ticking = true;
                self.ticking = true;
                self.dozing = false;
                drop(state);
                self.clock.as_mut().reset(Instant::now() + TICK);
            }
            if self.clock.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            self.ticking = false;
            let now = Instant::now();
            let silent = {
                let mut state = self.shared.lock();
                state.sent_since_tick = false;
                let held = Held { bytes: &mut self.output, at: self.output_at };
                state.expire(now, held, &mut self.wakers);
                if self.output_at == self.output.len() {
                    self.output.clear();
                    self.output_at = 0;
                    state.writing = false;
                }
                let quiet_since = *state.quiet_since.get_or_insert(now);
                let expects = state.waiting > 0 || state.unanswered;
                if expects { now.saturating_duration_since(quiet_since) } else { Duration::ZERO }
            };
            self.wakers.drain(..).for_each(Waker::wake);
            match self.heartbeat_sent {
                Some(sent) if now.saturating_duration_since(sent) >= self.limits.heartbeat => {
                    return Poll::Ready(Error::with_message(
                        ErrorKind::ConnectionLost,
                        "the node stopped answering",
                    ));
                }
                None if silent >= self.limits.heartbeat => self.send_heartbeat(now),
                _ => {}
            }
        }
    }

    /// Sends a heartbeat when the connection has been idle for long, so that the next caller finds a working
    /// connection.
    fn doze(&mut self, context: &mut Context<'_>) -> Poll<Error> {
        if !self.dozing {
            self.dozing = true;
            self.clock.as_mut().reset(Instant::now() + self.limits.keepalive);
        }
        if self.clock.as_mut().poll(context).is_ready() {
            self.dozing = false;
            let now = Instant::now();
            {
                let mut state = self.shared.lock();
                state.quiet_since = Some(now);
                state.unanswered = true;
            }
            self.send_heartbeat(now);
            context.waker().wake_by_ref();
        }
        Poll::Pending
    }

    fn send_heartbeat(&mut self, now: Instant) {
        self.heartbeat_sent = Some(now);
        self.heartbeat_id = self.heartbeat_id.wrapping_add(1);
        self.shared.lock().append_with(|out| connect::encode(out, self.heartbeat_id));
        Counters::add(&self.shared.counters.heartbeats, 1);
    }

    /// Whether a connection without handles has nothing left to wait for.
    fn nothing_left(&self) -> bool {
        let state = self.shared.lock();
        let patience = if state.waiting > 0 { PATIENCE } else { FAREWELL };
        let waited = self.closing_since.is_some_and(|since| since.elapsed() >= patience);
        waited || (state.slots.is_empty() && !state.has_output() && self.output.is_empty())
    }

    /// Sends DISCONNECT and closes. Without DISCONNECT the server would hand this login to the next connection.
    async fn say_goodbye(&mut self) {
        if !self.queue_goodbye() {
            return;
        }
        let write = async {
            while self.output_at < self.output.len() {
                match self.read.as_ref().try_write(&self.output[self.output_at..]) {
                    Ok(written) => self.output_at += written,
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                        self.read.as_ref().writable().await?;
                    }
                    Err(error) => return Err(error),
                }
            }
            Ok(())
        };
        if !matches!(timeout(FAREWELL, write).await, Ok(Ok(()))) {
            return;
        }
        // Closing with unread bytes would reset the connection, which could lose the DISCONNECT.
        let drain = async {
            self.input.clear();
            while let Ok(1..) = self.read.read_buf(&mut self.input).await {
                self.input.clear();
            }
        };
        let _ = timeout(FAREWELL, drain).await;
    }

    /// Makes DISCONNECT the only message left to write. Returns `false` if a message is half written, because the
    /// server could not parse anything after it. Other unwritten messages count as not done and are never written.
    fn queue_goodbye(&mut self) -> bool {
        self.goodbye = true;
        // At the end of the buffer, the last message is complete and the buffer has been emptied.
        let is_whole = self.output_at == 0 && (self.output.is_empty() || !self.output_is_cut);
        self.output.clear();
        self.output_at = 0;
        connect::encode_disconnect(&mut self.output, i64::MAX);
        is_whole && !self.shared.lock().cut
    }
}

impl Drop for Driver {
    /// A runtime that shuts down drops the task. Do here what does not need waiting.
    fn drop(&mut self) {
        self.shared.end(&closed());
        if !self.goodbye && self.queue_goodbye() {
            let _ = self.read.as_ref().try_write(&self.output[self.output_at..]);
        }
        // Handles may live on, for example in a collection, but they do not own the socket.
        self.shared.lock().socket = None;
        self.shared.finished.send_replace(true);
    }
}

fn lost(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::with_source(ErrorKind::ConnectionLost, error)
}

/// Fails the statement whose answer is longer than allowed: a retry would fail in the same way. Returns `false` if
/// no statement has that id, because the length is then wrong too.
fn refuse_long_answer(state: &mut State, input: &[u8], wakers: &mut Vec<Waker>) -> bool {
    let Ok(head) = envelope::response_head(input) else { return false };
    if state.has_given_up(head.id) {
        return true;
    }
    if !state.awaits(head.statement, head.id) {
        return false;
    }
    let error = Error::new(ErrorKind::AnswerTooLong);
    state.complete(head.statement, head.id, Err(error.into_unknown()), wakers);
    true
}

enum Delivered {
    Answer,
    /// The node failed. Its answer was delivered, and the connection is to be closed.
    NodeFailure(Error),
    /// The node has forgotten the login. Its answer was delivered, and only a new connection helps.
    LoggedOut,
}

fn deliver(
    state: &mut State,
    message: bytes::Bytes,
    wakers: &mut Vec<Waker>,
) -> Result<Delivered, DecodeError> {
    let head = envelope::response_head(&message)?;
    if head.statement == Statement::Connect as i32 {
        return Ok(Delivered::Answer);
    }
    state.answers += 1;
    if head.status == Status::Success {
        let answer = Answer { body: head.body, order: state.answers, message };
        state.complete(head.statement, head.id, Ok(answer), wakers);
        return Ok(Delivered::Answer);
    }
    let failure = failure::decode(&mut Reader::starting_at(&message, head.body))?;
    let error = Error::server(head.status, failure);
    let logged_out = error.is_logged_out();
    state.complete(head.statement, head.id, Err(error.clone()), wakers);
    if head.status == Status::NodeError {
        return Ok(Delivered::NodeFailure(error.into_kind(ErrorKind::ConnectionLost)));
    }
    Ok(if logged_out { Delivered::LoggedOut } else { Delivered::Answer })
}
