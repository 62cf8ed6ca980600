//! Changing rows by key: put, insert, update existing, remove, take.

use super::{
    Collection, Durability, Written,
    binding::{RowChange, flushed},
};
use crate::{
    error::{Error, ErrorKind},
    retry::{Repeat, Retry, Try},
    row::{Row, ToKey, ToRow},
    value::Value,
    wire::{
        message::row,
        options::PutMode,
        reader::Reader,
        row_set::{Layout, encode_row},
    },
};

impl Collection {
    /// Writes a row, replacing any row with the same key. Returns `true` if it replaced one. One round trip.
    ///
    /// # Errors
    /// The row does not fit the columns, it is locked for too long, or the database cannot be reached. In the last
    /// case the outcome may be unknown.
    pub async fn put(&self, row: impl ToRow) -> Result<bool, Error> {
        Ok(self.put_at(row).await?.existed())
    }

    /// Like [`put`](Self::put), and returns the node that did it.
    ///
    /// # Errors
    /// As for [`put`](Self::put).
    pub async fn put_at(&self, row: impl ToRow) -> Result<Written, Error> {
        self.put_in_mode(row, PutMode::Any).await
    }

    /// Inserts a row whose key must not exist. Of several concurrent callers one succeeds. One round trip.
    ///
    /// # Errors
    /// The key exists ([`Error::is_key_exists`]), or as for [`put`](Self::put).
    pub async fn insert(&self, row: impl ToRow) -> Result<(), Error> {
        self.insert_at(row).await.map(drop)
    }

    /// Like [`insert`](Self::insert), and returns the node that did it.
    ///
    /// # Errors
    /// As for [`insert`](Self::insert).
    pub async fn insert_at(&self, row: impl ToRow) -> Result<Written, Error> {
        self.put_in_mode(row, PutMode::InsertOnly).await
    }

    /// Like [`insert`](Self::insert), for a row that no other caller would write identically, such as one with
    /// random bits. If the answer is lost, the row is sent again; a row with exactly these values is then taken to
    /// be this one.
    ///
    /// Do not use it if two callers may write identical rows and only one may succeed.
    ///
    /// # Errors
    /// As for [`insert`](Self::insert).
    pub async fn insert_distinct(&self, row: impl ToRow) -> Result<(), Error> {
        let mut retry = self.retry(Repeat::Always);
        let mut lost = false;
        loop {
            let time = retry.try_now();
            match self.put_once(&row, PutMode::InsertOnly, time).await {
                Ok(_) => return Ok(()),
                Err(error) if lost && error.is_key_exists() => {
                    return if self.holds(&row, &mut retry).await? { Ok(()) } else { Err(error) };
                }
                Err(error) => {
                    lost |= error.is_outcome_unknown();
                    // An earlier attempt may have inserted the row even if a later one could not be sent.
                    let error = if lost { error.into_unknown() } else { error };
                    self.recover(&mut retry, error).await?;
                }
            }
        }
    }

    /// Replaces an existing row. One round trip.
    ///
    /// # Errors
    /// No row has that key ([`Error::is_key_missing`]), or as for [`put`](Self::put).
    pub async fn update_existing(&self, row: impl ToRow) -> Result<(), Error> {
        self.put_in_mode(row, PutMode::UpdateOnly).await.map(drop).map_err(Error::into_key_missing)
    }

    /// Removes the row with that key. Returns `true` if it existed. Of several concurrent callers one gets `true`.
    /// One round trip.
    ///
    /// # Errors
    /// The key has another type than the row key, the row is locked for too long, or the database cannot be
    /// reached. In the last case the outcome may be unknown.
    pub async fn remove(&self, key: impl ToKey) -> Result<bool, Error> {
        Ok(self.remove_at(key).await?.existed())
    }

    /// Like [`remove`](Self::remove), and returns the node that did it.
    ///
    /// # Errors
    /// As for [`remove`](Self::remove).
    pub async fn remove_at(&self, key: impl ToKey) -> Result<Written, Error> {
        let mut retry = self.retry(Repeat::WhenNotDone);
        loop {
            match self.remove_once(&key, retry.try_now()).await {
                Ok(written) => return Ok(written),
                Err(error) => self.recover(&mut retry, error).await?,
            }
        }
    }

    /// Removes the row with that key and returns it. `None` if there was none, or another caller removed it first.
    /// One round trip.
    ///
    /// A separate statement reads the row before the removal. So the returned row is the removed one only if rows
    /// with that key are never replaced.
    ///
    /// # Errors
    /// As for [`remove`](Self::remove).
    pub async fn take(&self, key: impl ToKey) -> Result<Option<Row>, Error> {
        Ok(self.take_at(key).await?.0)
    }

    /// Like [`take`](Self::take), and returns the node that did it.
    ///
    /// # Errors
    /// As for [`remove`](Self::remove).
    pub async fn take_at(&self, key: impl ToKey) -> Result<(Option<Row>, Written), Error> {
        let mut retry = self.retry(Repeat::WhenNotDone);
        loop {
            match self.take_once(&key, retry.try_now()).await {
                Ok(taken) => return Ok(taken),
                Err(error) => self.recover(&mut retry, error).await?,
            }
        }
    }

    async fn put_in_mode(&self, row: impl ToRow, mode: PutMode) -> Result<Written, Error> {
        let mut retry = self.retry(Repeat::WhenNotDone);
        self.put_until(&mut retry, &row, mode).await
    }

    pub(super) async fn put_until(
        &self,
        retry: &mut Retry<'_>,
        row: &impl ToRow,
        mode: PutMode,
    ) -> Result<Written, Error> {
        loop {
            match self.put_once(row, mode, retry.try_now()).await {
                Ok(written) => return Ok(written),
                Err(error) => self.recover(retry, error).await?,
            }
        }
    }

    async fn put_once(&self, row: &impl ToRow, mode: PutMode, time: Try) -> Result<Written, Error> {
        let (binding, time) = self.binding(time).await?;
        let change = row
            .with_values(|values| binding.send_change(&RowChange::Put(mode, values), self.flushes(), time))?;
        let answer = change.done(&binding, time.deadline).await?;
        self.written(&answer.reader(), &binding)
    }

    async fn remove_once(&self, key: &impl ToKey, time: Try) -> Result<Written, Error> {
        let (binding, time) = self.binding(time).await?;
        let change =
            key.with_key(|key| binding.send_change(&RowChange::Remove(key), self.flushes(), time))?;
        let answer = change.done(&binding, time.deadline).await?;
        self.written(&answer.reader(), &binding)
    }

    async fn take_once(&self, key: &impl ToKey, time: Try) -> Result<(Option<Row>, Written), Error> {
        let (binding, time) = self.binding(time).await?;
        let flush = self.flushes();
        let (read, remove, flush) = key.with_key(|key| {
            binding.connection.send(time.deadline, |batch| {
                let read = binding.add_get(batch, key)?;
                let remove = binding.add_change(batch, &RowChange::Remove(key), time)?;
                Ok((read, remove, flush.then(|| binding.add_flush(batch))))
            })
        })?;
        let read = read.await;
        let removed = remove.await?;
        if let Some(flush) = flush {
            flushed(flush, removed.order, &binding, time.deadline).await?;
        }
        let written = self.written(&removed.reader(), &binding)?;
        if !written.existed() {
            return Ok((None, written));
        }
        // The row is gone. Another attempt could not read it either.
        match read.and_then(|answer| binding.row(answer)).map_err(Error::into_unknown)? {
            Some(row) => Ok((Some(row), written)),
            None => {
                let message = "the removed row was written after it had been read";
                Err(Error::with_message(ErrorKind::TransactionAborted, message).into_unknown())
            }
        }
    }

    fn written(&self, reader: &Reader<'_>, binding: &super::Binding) -> Result<Written, Error> {
        // The statement was executed, whatever its answer says.
        let existed =
            row::decode_flag(&mut reader.clone()).map_err(|error| Error::from(error).into_unknown())?;
        Ok(Written { existed, node: binding.connection.address() })
    }

    /// Whether the row with that key has exactly these values, as far as the columns can represent them.
    async fn holds(&self, row: &impl ToRow, retry: &mut Retry<'_>) -> Result<bool, Error> {
        let schema = &self.shared.schema;
        let key: Vec<Value<'static>> = row.with_values(|values| {
            let key = schema.key.iter().filter_map(|position| values.get(*position));
            key.map(|value| value.clone().into_owned()).collect()
        });
        retry.once_more().map_err(Error::into_unknown)?;
        let found = self.get_until(&key.as_slice(), retry).await.map_err(Error::into_unknown)?;
        let Some(found) = found else { return Ok(false) };
        let bytes = |values: &[Value<'_>]| {
            let mut bytes = Vec::new();
            let layout = Layout::of(schema).ok_or_else(|| Error::new(ErrorKind::SchemaMismatch))?;
            encode_row(&mut bytes, &layout, values)?;
            Ok::<_, Error>(bytes)
        };
        Ok(row.with_values(bytes)? == bytes(&found.values()?)?)
    }

    pub(super) fn flushes(&self) -> bool {
        self.durability == Durability::Flush
    }
}
