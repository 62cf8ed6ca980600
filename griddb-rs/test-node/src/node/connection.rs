//! A connection: one task owns the socket, reads messages and writes answers.

use super::accounts::Login;
use super::fault::Fault;
use super::garble::garble;
use super::{Node, Power};
use crate::statement::{Done, Statement};
use crate::wire::frame::{self, Answer, ENVELOPE, Head, Scan};
use crate::wire::read::Reader;
use bytes::{Buf, Bytes, BytesMut};
use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::sync::Arc;
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Instant, sleep_until};

/// Reading stops at this many unsent bytes until the peer has taken its answers.
const MOST_UNSENT: usize = 64 << 20;
/// The number of partition groups. Answers of different groups may overtake each other.
const GROUPS: i32 = 4;

/// The peer.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) login: Option<Arc<Login>>,
    /// For answers that come later.
    pub(crate) answers: UnboundedSender<Delivery>,
}

/// The answer to a statement that had to wait.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) answer: Vec<u8>,
    pub(crate) head: Head,
    pub(crate) fault: Option<Fault>,
}

/// Bytes that are held back.
#[derive(Debug)]
struct Held {
    due: Instant,
    /// Held by a fault. Later answers of this partition stay behind it.
    partition: Option<i32>,
    bytes: Vec<u8>,
}

struct Connection {
    node: Arc<Node>,
    socket: TcpStream,
    peer: Peer,
    later: UnboundedReceiver<Delivery>,
    received: BytesMut,
    unsent: BytesMut,
    held: VecDeque<Held>,
    /// No answer was sent yet. The first one contains the server's address.
    fresh: bool,
}

/// What a connection does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    GoOn,
    /// Send the remaining answers and close.
    Close,
    /// Close at once, so that the peer sees a reset.
    Reset,
}

/// Serves a connection until it ends.
pub(crate) async fn serve(node: Arc<Node>, socket: TcpStream) {
    node.counters.connected();
    let (answers, later) = unbounded_channel();
    let peer = Peer { login: node.take_stale_login(), answers };
    let mut connection = Connection {
        node,
        socket,
        peer,
        later,
        received: BytesMut::new(),
        unsent: BytesMut::new(),
        held: VecDeque::new(),
        fresh: true,
    };
    let next = connection.run().await.unwrap_or(Next::Reset);
    if next == Next::Reset {
        // without this the peer would read the earlier answers and then a clean end
        drop(connection.socket.set_zero_linger());
    }
    if let Some(login) = connection.peer.login.take() {
        connection.node.leave_login(login);
    }
    connection.node.counters.disconnected();
}

impl Connection {
    async fn run(&mut self) -> io::Result<Next> {
        self.socket.set_nodelay(true)?;
        let mut life = self.node.life();
        loop {
            match life.power() {
                Power::On => {}
                Power::Off => return Ok(Next::Reset),
                Power::Paused => {
                    life.changed().await;
                    continue;
                }
            }
            let reads = self.unsent.len() < MOST_UNSENT;
            let interest = match (reads, self.unsent.is_empty()) {
                (true, true) => Interest::READABLE,
                (true, false) => Interest::READABLE | Interest::WRITABLE,
                (false, _) => Interest::WRITABLE,
            };
            let due = self.held.iter().map(|held| held.due).min();
            let mut next = Next::GoOn;
            tokio::select! {
                // A paused node executes nothing more, whatever arrived at the same moment.
                biased;
                () = life.changed() => continue,
                Some(delivery) = self.later.recv() => next = self.finish(delivery),
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => self.release_held(),
                ready = self.socket.ready(interest) => {
                    let ready = ready?;
                    if ready.is_readable() {
                        next = self.read()?;
                    }
                }
            }
            if next == Next::Reset {
                return Ok(next);
            }
            self.send()?;
            if next == Next::Close {
                self.flush().await?;
                return Ok(next);
            }
        }
    }

    /// Reads what has arrived and executes the complete messages.
    fn read(&mut self) -> io::Result<Next> {
        loop {
            self.received.reserve(16 << 10);
            match self.socket.try_read_buf(&mut self.received) {
                Ok(0) => return Ok(Next::Close),
                Ok(_) if self.received.len() < self.received.capacity() => break,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        let mut batch = Vec::new();
        let mut next = Next::GoOn;
        loop {
            match frame::scan(&self.received, self.node.options.largest_message) {
                Scan::Incomplete => break,
                Scan::Message(size) => {
                    let message = self.received.split_to(size).freeze();
                    let mut body = Reader::new(&message[ENVELOPE..]);
                    if let Ok(head) = Head::read(&mut body) {
                        batch.push((head, message));
                    } else {
                        next = Next::Reset;
                        break;
                    }
                }
                Scan::Broken => {
                    next = Next::Reset;
                    break;
                }
            }
        }
        if !batch.is_empty() && self.held.is_empty() && self.unsent.is_empty() {
            self.node.counters.flight();
        }
        if self.node.options.out_of_order {
            mix(&mut batch);
        }
        let partitions: BTreeSet<i32> = batch.iter().map(|(head, _)| head.partition).collect();
        for (head, message) in batch {
            let after = self.execute(head, &message);
            if after != Next::GoOn {
                next = after;
                break;
            }
        }
        // what arrived together goes first, then what waited for it
        for partition in partitions {
            self.node.wake(partition);
        }
        Ok(next)
    }

    fn execute(&mut self, head: Head, message: &Bytes) -> Next {
        let statement = Statement::from_number(head.statement);
        self.node.counters.received(statement);
        let fault = statement.and_then(|statement| self.node.faults.take(statement, head.partition));
        let mut out = Vec::new();
        match &fault {
            Some(Fault::DropBefore) => return Next::Reset,
            Some(Fault::KillBefore) => {
                self.node.set_power(Power::Off);
                return Next::Reset;
            }
            Some(Fault::Ignore) => return Next::GoOn,
            Some(Fault::Refuse(code)) => {
                let answer = Answer::begin(&mut out, head);
                answer.refuse(&mut out, &code.because("on order"));
                answer.finish(&mut out);
                self.answer(head.partition, out, None);
                return Next::GoOn;
            }
            _ => {}
        }
        let node = Arc::clone(&self.node);
        match node.execute(&mut self.peer, head, message, fault.clone(), &mut out) {
            Done::Answered => self.finish(Delivery { answer: out, head, fault }),
            Done::AnsweredLate(delay) => {
                let fault = fault.unwrap_or(Fault::Delay(delay));
                self.finish(Delivery { answer: out, head, fault: Some(fault) })
            }
            Done::Silent => Next::GoOn,
            Done::Goodbye => Next::Close,
        }
    }

    /// Sends an answer, with its injected fault.
    fn finish(&mut self, delivery: Delivery) -> Next {
        let Delivery { answer, head, fault } = delivery;
        match fault {
            None => self.answer(head.partition, answer, None),
            Some(Fault::DropAfter) => return Next::Reset,
            Some(Fault::KillAfter) => {
                self.node.set_power(Power::Off);
                return Next::Reset;
            }
            Some(Fault::Mute) => {}
            Some(Fault::Delay(delay)) => self.answer(head.partition, answer, Some(Instant::now() + delay)),
            Some(fault) => {
                let ends = matches!(fault, Fault::Truncate(_));
                self.answer(head.partition, garble(fault, head, answer), None);
                if ends {
                    return Next::Close;
                }
            }
        }
        Next::GoOn
    }

    /// Appends an answer to the output, or to what is held back.
    fn answer(&mut self, partition: i32, mut bytes: Vec<u8>, delayed_to: Option<Instant>) {
        if std::mem::take(&mut self.fresh) && bytes.len() >= ENVELOPE {
            frame::stamp_address(&mut bytes, self.node.address);
        }
        let behind = self.held.iter_mut().rfind(|held| held.partition == Some(partition));
        let latency = self.node.options.latency;
        match (behind, delayed_to) {
            (Some(held), None) => held.bytes.append(&mut bytes),
            (before, Some(due)) => {
                let due = before.map_or(due, |held| held.due.max(due));
                self.held.push_back(Held { due, partition: Some(partition), bytes });
            }
            (None, None) if latency.is_zero() => self.unsent.extend_from_slice(&bytes),
            (None, None) => {
                self.held.push_back(Held { due: Instant::now() + latency, partition: None, bytes });
            }
        }
    }

    fn release_held(&mut self) {
        let now = Instant::now();
        let unsent = &mut self.unsent;
        self.held.retain(|held| {
            let due = held.due <= now;
            if due {
                unsent.extend_from_slice(&held.bytes);
            }
            !due
        });
    }

    /// Sends as much as the socket accepts.
    fn send(&mut self) -> io::Result<()> {
        while !self.unsent.is_empty() {
            match self.socket.try_write(&self.unsent) {
                Ok(sent) => self.unsent.advance(sent),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn flush(&mut self) -> io::Result<()> {
        while !self.unsent.is_empty() {
            self.socket.writable().await?;
            self.send()?;
        }
        Ok(())
    }
}

/// Reorders answers of different partitions within what arrived together. The order within a partition stays, and
/// nothing passes a statement about the connection.
fn mix(batch: &mut [(Head, Bytes)]) {
    let about_connection =
        |head: &Head| Statement::from_number(head.statement).is_none_or(Statement::is_node_wide);
    for run in batch.split_mut(|(head, _)| about_connection(head)) {
        if run.len() > 1 {
            run.sort_by_key(|(head, _)| head.partition.rem_euclid(GROUPS));
        }
    }
}
