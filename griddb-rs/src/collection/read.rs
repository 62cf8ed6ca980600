//! Reading rows by key, and flushing.

use super::Collection;
use crate::{
    error::Error,
    retry::{Repeat, Retry, Try},
    row::{FromRow, Row, ToKey},
};

impl Collection {
    /// Reads the row of that key. One round trip.
    ///
    /// # Errors
    /// The key is not of the row key's type, or the database cannot be reached.
    pub async fn get(&self, key: impl ToKey) -> Result<Option<Row>, Error> {
        self.get_until(&key, &mut self.retry(Repeat::Always)).await
    }

    pub(super) async fn get_until(
        &self,
        key: &impl ToKey,
        retry: &mut Retry<'_>,
    ) -> Result<Option<Row>, Error> {
        loop {
            match self.get_once(key, retry.try_now()).await {
                Ok(row) => return Ok(row),
                Err(error) => self.recover(retry, error).await.map_err(Error::into_not_done)?,
            }
        }
    }

    /// Reads the row of that key into a type of its own; see [`get`](Self::get).
    ///
    /// # Errors
    /// As [`get`](Self::get), and those of the type's [`FromRow`].
    pub async fn get_as<T: FromRow>(&self, key: impl ToKey) -> Result<Option<T>, Error> {
        self.get(key).await?.map(|row| row.read()).transpose()
    }

    async fn get_once(&self, key: &impl ToKey, time: Try) -> Result<Option<Row>, Error> {
        let (binding, time) = self.binding(time).await?;
        let ticket = key.with_key(|key| binding.send_get(key, time))?;
        binding.row(ticket.await?)
    }

    /// Writes everything that the collection's partition has answered so far to the disk of the node.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn flush(&self) -> Result<(), Error> {
        let mut retry = self.retry(Repeat::Always);
        loop {
            let time = retry.try_now();
            let flushed = match self.binding(time).await {
                Ok((binding, time)) => binding.flush(time.deadline).await,
                Err(error) => Err(error),
            };
            match flushed {
                Ok(()) => return Ok(()),
                // Nothing was changed, and another flush does what this one may not have done.
                Err(error) => self.recover(&mut retry, error).await.map_err(Error::into_not_done)?,
            }
        }
    }
}
