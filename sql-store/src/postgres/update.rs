//! Updates: the row is read, and written only if nothing has changed it since. That is two round trips, and one where the
//! row stays as it is.

use gridauth::store::deadline::Wait;
use gridauth::store::{Change, Key, Row, StoreError, Updated};
use sqlx::{Connection, PgConnection};
use tokio::time::timeout;

use super::PostgresStore;
use super::call::{Answer, Call, PAUSE, connection, send};
use super::statements::Sql;
use super::values::{Bound, found};
use super::within::Open;
use crate::error::{Effect, is_conflict, late, of_statement};
use crate::rows::{Found, check_row};

/// After this many lost races, the row is locked instead, so that each caller gets its turn.
const RACES: usize = 3;

/// What the caller's decision comes to.
enum Step {
    Done(Updated),
    Write { sql: Sql, bound: Bound, then: Updated },
}

impl PostgresStore {
    pub(super) async fn compare_and_swap(
        &self,
        key: Key<'_>,
        decide: &mut (dyn FnMut(&Row) -> Change + Send),
        wait: &Wait,
    ) -> Result<Updated, StoreError> {
        let statements = self.of(key.kind);
        // In a transaction of the application, nobody comes between.
        let read = if Open::of(self.number).is_some() { &statements.lock } else { &statements.read };
        for _ in 0..RACES {
            let id = Bound::default().with(key.id).done()?;
            let read = self.call(read, id, Effect::Reads, wait).await?;
            match self.step(key, &read, decide)? {
                Step::Done(updated) => return Ok(updated),
                Step::Write { sql, bound, then } => {
                    let written = self.call(&sql, bound.done()?, Effect::Writes, wait).await?;
                    if written.affected > 0 {
                        return Ok(then);
                    }
                }
            }
        }
        if Open::of(self.number).is_some() {
            return Err(StoreError::unavailable("SQL: a row changed too often within the transaction"));
        }
        loop {
            match self.locked(key, decide, wait).await {
                // It lost against another transaction, and has changed nothing.
                Err(error) if is_conflict(&error) && wait.left() > PAUSE => tokio::time::sleep(PAUSE).await,
                done => return done,
            }
        }
    }

    fn step(
        &self,
        key: Key<'_>,
        read: &Answer,
        decide: &mut (dyn FnMut(&Row) -> Change + Send),
    ) -> Result<Step, StoreError> {
        let Some(row) = read.rows.first() else { return Ok(Step::Done(Updated::Missing)) };
        let Found { seq, version, row } = found(row)?;
        let same = Bound::default().with(key.id).with(seq).with(version);
        let statements = self.of(key.kind);
        Ok(match decide(&row) {
            Change::Keep => Step::Done(Updated::Kept),
            Change::Remove => {
                Step::Write { sql: Sql::clone(&statements.remove_read), bound: same, then: Updated::Removed }
            }
            Change::Replace(row) => {
                check_row(&row)?;
                let bound = same.row(&row);
                Step::Write { sql: Sql::clone(&statements.replace), bound, then: Updated::Replaced }
            }
        })
    }

    /// The same under a lock: begin, read, write, commit.
    async fn locked(
        &self,
        key: Key<'_>,
        decide: &mut (dyn FnMut(&Row) -> Change + Send),
        wait: &Wait,
    ) -> Result<Updated, StoreError> {
        let mut connection = connection(&self.pool, wait).await?;
        match timeout(wait.left(), self.in_transaction(&mut connection, key, decide)).await {
            Ok(updated) => updated,
            Err(_) => {
                drop(connection.detach());
                Err(late(Effect::Writes))
            }
        }
    }

    async fn in_transaction(
        &self,
        connection: &mut PgConnection,
        key: Key<'_>,
        decide: &mut (dyn FnMut(&Row) -> Change + Send),
    ) -> Result<Updated, StoreError> {
        let keep = self.prepare == super::Prepare::Once;
        let mut transaction = connection.begin().await.map_err(|error| of_statement(error, Effect::Reads))?;
        let id = Bound::default().with(key.id).done()?;
        let read = Call { sql: Sql::clone(&self.of(key.kind).lock), arguments: id, effect: Effect::Reads };
        let read = send(&mut transaction, &read, keep).await;
        let read = read.map_err(|error| of_statement(error, Effect::Reads))?;
        let updated = match self.step(key, &read, decide)? {
            Step::Done(updated) => updated,
            Step::Write { sql, bound, then } => {
                let write = Call { sql, arguments: bound.done()?, effect: Effect::Writes };
                // Until the commit, a failure leaves everything as it was.
                let written = send(&mut transaction, &write, keep).await;
                let written = written.map_err(|error| of_statement(error, Effect::Reads))?;
                if written.affected == 0 {
                    return Err(StoreError::internal("SQL: a locked row was changed"));
                }
                then
            }
        };
        transaction.commit().await.map_err(|error| of_statement(error, Effect::Writes))?;
        Ok(updated)
    }
}
