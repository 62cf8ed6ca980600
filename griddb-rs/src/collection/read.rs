//! Reading rows by key, and flushing.

use super::Collection;
use crate::{
    error::Error,
    retry::{Repeat, Retry, Try},
    row::{FromRow, Row, ToKey},
};

impl Collection {
    /// Reads the row with that key. One round trip.
    ///
    /// # Errors
    /// The key has another type than the row key, or the database cannot be reached.
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

    /// Reads the row with that key into a type of your own; see [`get`](Self::get).
    ///
    /// # Errors
    /// As for [`get`](Self::get), and those of the type's [`FromRow`].
    pub async fn get_as<T: FromRow>(&self, key: impl ToKey) -> Result<Option<T>, Error> {
        self.get(key).await?.map(|row| row.read()).transpose()
    }

    async fn get_once(&self, key: &impl ToKey, time: Try) -> Result<Option<Row>, Error> {
        let (binding, time) = self.binding(time).await?;
        let ticket = key.with_key(|key| binding.send_get(key, time))?;
        binding.row(ticket.await?)
    }

    /// Writes everything that was committed in the collection's partition so far to the node's disk.
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
                // Nothing was changed, and another flush makes up for this one.
                Err(error) => self.recover(&mut retry, error).await.map_err(Error::into_not_done)?,
            }
        }
    }
}
