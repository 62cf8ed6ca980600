//! A container as one connection knows it, and statements for it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    connection::{Answer, Batch, Connection, Ticket},
    error::Error,
    retry::Try,
    row::Row,
    value::Value,
    wire::{
        message::row,
        options::{Options, PutMode},
        row_key::KeyLayout,
        row_set::Layout,
        statement::{ClientId, RowTarget, SessionId, Statement, TransactionMode},
    },
};

/// A container's id is valid only on the connection that returned it: after a crash, the server may give the same
/// id to another container.
pub(crate) struct Binding {
    pub(crate) connection: Connection,
    pub(crate) partition: u32,
    pub(crate) container: i64,
    pub(crate) schema_version: i32,
    pub(crate) client_id: ClientId,
    pub(crate) layout: Arc<Layout>,
    pub(crate) key: KeyLayout,
    pub(crate) opened: Instant,
    /// When the master last named this node as the owner, in milliseconds after `opened`.
    pub(crate) verified: AtomicU64,
}

/// A change in flight, and the flush behind it.
pub(crate) struct Change {
    change: Ticket,
    flush: Option<Ticket>,
}

/// A change of one row.
pub(crate) enum RowChange<'a> {
    Put(PutMode, &'a [Value<'a>]),
    Remove(&'a [Value<'a>]),
}

impl Binding {
    /// Whether the master has to be asked again who owns the partition. Of several callers, only one is told
    /// `true`.
    pub(crate) fn is_due(&self, now: Instant, interval: Duration) -> bool {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let now = millis(now.saturating_duration_since(self.opened));
        let verified = self.verified.load(Ordering::Relaxed);
        now.saturating_sub(verified) >= millis(interval)
            && self.verified.compare_exchange(verified, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    pub(crate) fn autocommit(&self) -> RowTarget {
        self.target(SessionId::none(self.client_id), TransactionMode::Autocommit)
    }

    pub(crate) fn target(&self, session: SessionId, mode: TransactionMode) -> RowTarget {
        RowTarget { container: self.container, schema_version: self.schema_version, session, mode }
    }

    /// Sends a read of one row.
    pub(crate) fn send_get(&self, key: &[Value<'_>], time: Try) -> Result<Ticket, Error> {
        self.connection.send(time.deadline, |batch| self.add_get(batch, key))
    }

    pub(crate) fn add_get(&self, batch: &mut Batch<'_>, key: &[Value<'_>]) -> Result<i64, Error> {
        batch.add(Statement::GetRow, |out, id| {
            let options = Options::default();
            Ok(row::encode_get(out, id, self.partition, &self.autocommit(), &options, &self.key, key)?)
        })
    }

    /// Sends a change of one row, optionally followed by a flush.
    pub(crate) fn send_change(
        &self,
        change: &RowChange<'_>,
        flush: bool,
        time: Try,
    ) -> Result<Change, Error> {
        let (change, flush) = self.connection.send(time.deadline, |batch| {
            Ok((self.add_change(batch, change, time)?, flush.then(|| self.add_flush(batch))))
        })?;
        Ok(Change { change, flush })
    }

    pub(crate) fn add_change(
        &self,
        batch: &mut Batch<'_>,
        change: &RowChange<'_>,
        time: Try,
    ) -> Result<i64, Error> {
        batch.add(change.statement(), |out, id| {
            change.encode(out, id, self, &self.autocommit(), time.lock_seconds)
        })
    }

    /// Appends a flush to the changes of a batch.
    pub(crate) fn add_flush(&self, batch: &mut Batch<'_>) -> i64 {
        batch.add_flush(self.partition, self.container)
    }

    /// Flushes everything the partition has committed so far.
    pub(crate) async fn flush(&self, deadline: Instant) -> Result<(), Error> {
        let ticket = self.connection.send(deadline, |batch| Ok(self.add_flush(batch)))?;
        ticket.await.map(drop)
    }

    /// The row in the answer to a read, if there is one.
    pub(crate) fn row(&self, answer: Answer) -> Result<Option<Row>, Error> {
        let span = row::decode_get(&mut answer.reader(), &self.layout)?;
        Ok(span.map(|span| Row::new(answer.message, Arc::clone(&self.layout), span)))
    }
}

impl RowChange<'_> {
    pub(crate) fn statement(&self) -> Statement {
        match self {
            Self::Put(..) => Statement::PutRow,
            Self::Remove(_) => Statement::RemoveRow,
        }
    }

    pub(crate) fn encode(
        &self,
        out: &mut Vec<u8>,
        id: i64,
        binding: &Binding,
        target: &RowTarget,
        lock_seconds: u32,
    ) -> Result<(), Error> {
        let options = Options { transaction_timeout: Some(lock_seconds), ..Options::default() };
        let partition = binding.partition;
        match self {
            Self::Put(mode, values) => {
                let options = Options { put_mode: *mode, ..options };
                row::encode_put(out, id, partition, target, &options, &binding.layout, values)?;
            }
            Self::Remove(key) => {
                row::encode_remove(out, id, partition, target, &options, &binding.key, key)?;
            }
        }
        Ok(())
    }
}

impl Change {
    /// Waits for the change, then for its flush.
    pub(crate) async fn done(self, binding: &Binding, deadline: Instant) -> Result<Answer, Error> {
        let answer = self.change.await?;
        if let Some(flush) = self.flush {
            flushed(flush, answer.order, binding, deadline).await?;
        }
        Ok(answer)
    }
}

/// Waits for a flush that was sent behind a change. `order` is the position of the change's answer.
///
/// A flush overtakes a change that has to wait for a lock. The order of the answers shows that; another flush is
/// then sent.
///
/// # Errors
/// The change was made, but may not have been flushed. Its outcome counts as unknown.
pub(crate) async fn flushed(
    flush: Ticket,
    order: u64,
    binding: &Binding,
    deadline: Instant,
) -> Result<(), Error> {
    let overtaken = match flush.await {
        Ok(answer) => answer.order < order,
        Err(error) => return Err(error.into_unknown()),
    };
    if overtaken { binding.flush(deadline).await.map_err(Error::into_unknown) } else { Ok(()) }
}
