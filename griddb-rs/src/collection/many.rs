//! Many rows in one round trip.

use super::{Collection, binding::RowChange};
use crate::{
    connection::{Answer, Ticket},
    error::Error,
    retry::{Repeat, Try},
    row::{Row, ToKey, ToRow},
    wire::{
        message::row,
        options::Options,
        row_set::{Layout, RowBatch},
        statement::Statement,
    },
};

impl Collection {
    /// Reads the rows of several keys, in the order of the keys. One round trip.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn get_many<K: ToKey>(&self, keys: &[K]) -> Result<Vec<Option<Row>>, Error> {
        let mut retry = self.retry(Repeat::Always);
        loop {
            match self.get_many_once(keys, retry.try_now()).await {
                Ok(rows) => return Ok(rows),
                Err(error) => self.recover(&mut retry, error).await.map_err(Error::into_not_done)?,
            }
        }
    }

    async fn get_many_once<K: ToKey>(&self, keys: &[K], time: Try) -> Result<Vec<Option<Row>>, Error> {
        let (binding, time) = self.binding(time).await?;
        let tickets = binding.connection.send(time.deadline, |batch| {
            let ask = |key: &K| key.with_key(|key| binding.add_get(batch, key));
            keys.iter().map(ask).collect::<Result<Vec<_>, _>>()
        })?;
        let mut rows = Vec::with_capacity(tickets.len());
        for ticket in tickets {
            rows.push(binding.row(ticket.await?)?);
        }
        Ok(rows)
    }

    /// Writes several rows, replacing existing ones. One round trip.
    ///
    /// This is not atomic: if one write fails, earlier rows may have been written. For all or nothing, use
    /// [`Transaction::put_many`](crate::Transaction::put_many).
    ///
    /// # Errors
    /// As for [`put`](Self::put). After an error some of the rows may have been written.
    pub async fn put_many<R: ToRow>(&self, rows: &[R]) -> Result<(), Error> {
        if rows.is_empty() {
            return Ok(());
        }
        let mut retry = self.retry(Repeat::WhenNotDone);
        loop {
            match self.put_many_once(rows, retry.try_now()).await {
                Ok(()) => return Ok(()),
                // Rows before the refused one have been written, and other clients may have changed them since.
                Err(error) if rows.len() > 1 && error.is_about_a_row() => return Err(error.into_unknown()),
                Err(error) => self.recover(&mut retry, error).await?,
            }
        }
    }

    async fn put_many_once<R: ToRow>(&self, rows: &[R], time: Try) -> Result<(), Error> {
        let (binding, time) = self.binding(time).await?;
        let rows = batch_of(&binding.layout, rows)?;
        let options = Options { transaction_timeout: Some(time.lock_seconds), ..Options::default() };
        let flush = self.flushes();
        let (put, flush) = binding.connection.send(time.deadline, |batch| {
            let put = batch.add(Statement::PutMultipleRows, |out, id| {
                let target = binding.autocommit();
                row::encode_put_many(out, id, binding.partition, &target, &options, &rows);
                Ok(())
            })?;
            Ok((put, flush.then(|| binding.add_flush(batch))))
        })?;
        all_done(vec![put], flush, &binding, time).await.map(drop)
    }

    /// Removes the rows of several keys. Returns for each key, in order, whether its row existed. One round trip.
    ///
    /// This is not atomic: if one removal fails, others may have been made.
    ///
    /// # Errors
    /// As for [`remove`](Self::remove). After an error some of the rows may have been removed.
    pub async fn remove_many<K: ToKey>(&self, keys: &[K]) -> Result<Vec<bool>, Error> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let mut retry = self.retry(Repeat::WhenNotDone);
        loop {
            match self.remove_many_once(keys, retry.try_now()).await {
                Ok(removed) => return Ok(removed),
                Err(error) => self.recover(&mut retry, error).await?,
            }
        }
    }

    async fn remove_many_once<K: ToKey>(&self, keys: &[K], time: Try) -> Result<Vec<bool>, Error> {
        let (binding, time) = self.binding(time).await?;
        let flush = self.flushes();
        let (changes, flush) = binding.connection.send(time.deadline, |batch| {
            let mut changes = Vec::with_capacity(keys.len());
            for key in keys {
                changes.push(key.with_key(|key| binding.add_change(batch, &RowChange::Remove(key), time))?);
            }
            Ok((changes, flush.then(|| binding.add_flush(batch))))
        })?;
        let answers = all_done(changes, flush, &binding, time).await?;
        let flag = |answer: &Answer| row::decode_flag(&mut answer.reader());
        answers.iter().map(|answer| flag(answer).map_err(|error| Error::from(error).into_unknown())).collect()
    }
}

/// Waits for all changes of a batch, then for the flush if there is one.
///
/// # Errors
/// A change failed. Unless all of them failed, some were made, so the batch must not be sent again.
async fn all_done(
    changes: Vec<Ticket>,
    flush: Option<Ticket>,
    binding: &super::Binding,
    time: Try,
) -> Result<Vec<Answer>, Error> {
    let mut answers: Vec<Answer> = Vec::with_capacity(changes.len());
    let mut failed: Option<Error> = None;
    for change in changes {
        match change.await {
            Ok(answer) => answers.push(answer),
            // A change that may have been made takes precedence over one that was not.
            Err(error) => {
                if failed.is_none() || error.is_outcome_unknown() {
                    failed = Some(error);
                }
            }
        }
    }
    if let Some(error) = failed {
        return Err(if answers.is_empty() { error } else { error.into_unknown() });
    }
    if let Some(flush) = flush {
        let last = answers.iter().map(|answer| answer.order).max().unwrap_or_default();
        super::binding::flushed(flush, last, binding, time.deadline).await?;
    }
    Ok(answers)
}

pub(super) fn batch_of<R: ToRow>(layout: &Layout, rows: &[R]) -> Result<RowBatch, Error> {
    let mut batch = RowBatch::default();
    for row in rows {
        row.with_values(|values| batch.push(layout, values))?;
    }
    Ok(batch)
}
