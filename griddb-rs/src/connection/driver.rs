//! The task that owns the socket: reads answers, writes what has queued up, watches the clock.

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

/// How often deadlines are looked at while statements are under way.
const TICK: Duration = Duration::from_millis(20);
/// Room kept for reading; answers larger than it let the buffer grow as their bytes arrive.
const READ_ROOM: usize = 32 << 10;
/// So much of an answer has to arrive between two heartbeats to count as a sign of life: more than the answers to
/// heartbeats, and to those few who still wait, where they are taken for a part of it.
const PROGRESS: usize = 16 << 10;
/// Room kept for writing; what a burst or a large row took beyond it is given back.
const KEPT_ROOM: usize = 1 << 20;
/// With this many statements under way, writing waits for the other callers that are about to queue theirs.
const CROWD: usize = 3;
/// How long a closing connection waits for answers that somebody waits for.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a closing connection waits for answers that nobody waits for, for the socket to take the last bytes, and
/// for the server to close its side.
pub(super) const FAREWELL: Duration = Duration::from_millis(500);

/// What a driver needs to know of the configuration.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) max_answer: usize,
    pub(super) heartbeat: Duration,
    pub(super) keepalive: Duration,
    /// The longest that one answer may take to arrive, from its first byte to its last.
    pub(super) longest_arrival: Duration,
}

pub(super) struct Driver {
    shared: Arc<Shared>,
    read: OwnedReadHalf,
    limits: Limits,
    input: BytesMut,
    /// Bytes to come of an answer that is too long, and is not kept.
    unwanted: usize,
    /// Since when an answer is arriving whose end has not come.
    arriving_since: Option<Instant>,
    /// Bytes of it since the last sign of life.
    arrived: usize,
    /// What is being written; callers queue into another buffer meanwhile, and the two take turns.
    output: Vec<u8>,
    output_at: usize,
    /// The output begins in the middle of a message.
    output_is_cut: bool,
    /// The socket took no more the last time.
    blocked: bool,
    wakers: Vec<Waker>,
    clock: Pin<Box<Sleep>>,
    /// The clock goes off within a tick, since something is under way.
    ticking: bool,
    /// The clock goes off when the connection has been idle for long.
    dozing: bool,
    /// When a sign of life was asked for that has not come.
    heartbeat_sent: Option<Instant>,
    heartbeat_id: i32,
    /// Writing has already waited for others once.
    gathered: bool,
    closing_since: Option<Instant>,
    goodbye: bool,
}

/// Why a driver stops.
enum End {
    /// No handle is left.
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

    /// Reads until the socket has no more; ready only with an error.
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

    /// Hands out the whole messages in the input.
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

    /// Hands out the message at the front of the input; false when it is not whole yet.
    fn next_answer(&mut self, state: &mut State) -> Result<bool, Error> {
        match envelope::message_length(&self.input, self.limits.max_answer) {
            Ok(Some(length)) if length <= self.input.len() => {
                let message = self.input.split_to(length).freeze();
                match deliver(state, message, &mut self.wakers).map_err(lost)? {
                    Delivered::Answer => Ok(true),
                    Delivered::NodeFailure(error) => Err(error),
                    Delivered::LoggedOut => {
                        // What is under way is answered in the same way; nothing new is sent here.
                        state.closing = true;
                        state.ended = Some(Error::with_message(
                            ErrorKind::ConnectionLost,
                            "the node does not know the login any more",
                        ));
                        self.shared.open.store(false, Ordering::Release);
                        Ok(true)
                    }
                }
            }
            Ok(Some(length)) => {
                // The buffer grows with the bytes that really came, at most to twice their number.
                let missing = length - self.input.len();
                self.input.reserve(missing.min(self.input.len().max(READ_ROOM)));
                Ok(false)
            }
            Ok(None) => Ok(false),
            // The statement that it answers is told so; its id is behind the length.
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

    /// Takes note that bytes came, and whether the end of an answer was among them. The node lives, and the answer to a
    /// heartbeat may be behind much else. But where an answer says that it is longer than it is, those of all heartbeats
    /// and statements are taken for a part of it.
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
            return Err(Error::with_message(ErrorKind::ConnectionLost, "an answer does not come to its end"));
        }
        if any || self.arrived >= PROGRESS {
            self.arrived = 0;
            state.quiet_since = Some(now);
            state.unanswered = false;
            self.heartbeat_sent = None;
        }
        Ok(())
    }

    /// Writes what is queued until the socket takes no more; ready only with an error.
    fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<Error> {
        loop {
            if self.output.is_empty() {
                let mut state = self.shared.lock();
                if !state.has_output() {
                    self.gathered = false;
                    return Poll::Pending;
                }
                if state.waiting >= CROWD && !self.gathered {
                    // The callers whose answers have just come are about to queue their next statements: let
                    // them run first, and write everything at once.
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
                        // The other side reads.
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

    /// Looks at deadlines and at how long the node has been silent; ready only with an error.
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
                        "the node has fallen silent",
                    ));
                }
                None if silent >= self.limits.heartbeat => self.send_heartbeat(now),
                _ => {}
            }
        }
    }

    /// Waits until the connection has been idle for long, and then asks for a sign of life: whoever comes next is to find
    /// a connection that works.
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

    /// Whether a connection that nobody holds any more has nothing to wait for.
    fn nothing_left(&self) -> bool {
        let state = self.shared.lock();
        let patience = if state.waiting > 0 { PATIENCE } else { FAREWELL };
        let waited = self.closing_since.is_some_and(|since| since.elapsed() >= patience);
        waited || (state.slots.is_empty() && !state.has_output() && self.output.is_empty())
    }

    /// Sends DISCONNECT and closes. Without it the server would hand this login to the next connection.
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
        // Closing with unread bytes would reset the connection, and the DISCONNECT could be lost with it.
        let drain = async {
            self.input.clear();
            while let Ok(1..) = self.read.read_buf(&mut self.input).await {
                self.input.clear();
            }
        };
        let _ = timeout(FAREWELL, drain).await;
    }

    /// Makes DISCONNECT the only thing left to be written; false when half a message has been written, behind which
    /// nothing would be understood. Other messages that were not written are counted as not done, so they are not
    /// written any more.
    fn queue_goodbye(&mut self) -> bool {
        self.goodbye = true;
        // At the end of the buffer the last message is whole as well, and the buffer has been emptied.
        let is_whole = self.output_at == 0 && (self.output.is_empty() || !self.output_is_cut);
        self.output.clear();
        self.output_at = 0;
        connect::encode_disconnect(&mut self.output, i64::MAX);
        is_whole && !self.shared.lock().cut
    }
}

impl Drop for Driver {
    /// A runtime that shuts down drops the task: what can be done without waiting is done here.
    fn drop(&mut self) {
        self.shared.end(&closed());
        if !self.goodbye && self.queue_goodbye() {
            let _ = self.read.as_ref().try_write(&self.output[self.output_at..]);
        }
        // Who still holds the connection, a collection for one, does not hold the socket.
        self.shared.lock().socket = None;
        self.shared.finished.send_replace(true);
    }
}

fn lost(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::with_source(ErrorKind::ConnectionLost, error)
}

/// Fails the statement whose answer is longer than allowed: another try would end in the same way. False when it answers
/// no statement: then the length is not one either.
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
    /// The node has failed: its answer was handed out, and the connection is to be closed.
    NodeFailure(Error),
    /// The node does not know the login any more: its answer was handed out, and only a new connection is of use.
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
