//! The one task that writes, and group commit: whatever waits while a transaction commits becomes the next one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use gridauth::store::StoreError;
use gridauth::store::deadline::Wait;
use sqlx::pool::PoolConnection;
use sqlx::sqlite::SqliteArguments;
use sqlx::{AssertSqlSafe, Connection, Executor, Row, Sqlite, SqliteConnection, SqlitePool};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::statements::Sql;
use crate::error::{Effect, is_busy, late, of_connection, of_statement};

/// The most writes in a transaction.
const MOST: usize = 256;
/// The most writes that may wait.
const QUEUE: usize = 1024;
/// The pause before a busy file is tried again.
const PAUSE: Duration = Duration::from_millis(5);

/// A handle to the task. The task ends with the last of them.
pub(super) struct Writer(mpsc::Sender<Job>);

/// A write that waits for its turn.
struct Job {
    sql: Sql,
    arguments: SqliteArguments,
    turn: Arc<Turn>,
    answer: oneshot::Sender<Result<u64, StoreError>>,
}

/// Whether a write has begun. Who waits for it gives up before that, or must say that the outcome is unknown.
#[derive(Default)]
struct Turn(AtomicU8);

impl Turn {
    const WAITING: u8 = 0;
    const BEGUN: u8 = 1;
    const GIVEN_UP: u8 = 2;

    fn set(&self, to: u8) -> bool {
        self.0.compare_exchange(Self::WAITING, to, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }

    fn is_given_up(&self) -> bool {
        self.0.load(Ordering::SeqCst) == Self::GIVEN_UP
    }
}

impl Writer {
    pub(super) fn start(pool: SqlitePool) -> Self {
        let (sender, jobs) = mpsc::channel(QUEUE);
        tokio::spawn(run(pool, jobs));
        Self(sender)
    }

    /// Makes a change, and returns how many rows it affected.
    pub(super) async fn write(
        &self,
        sql: &Sql,
        arguments: SqliteArguments,
        wait: &Wait,
    ) -> Result<u64, StoreError> {
        let gone = || StoreError::unavailable("SQL: the task that writes has ended");
        let (answer, answered) = oneshot::channel();
        let turn = Arc::new(Turn::default());
        let job = Job { sql: Sql::clone(sql), arguments, turn: Arc::clone(&turn), answer };
        let sent = timeout(wait.left(), self.0.send(job)).await.map_err(|_| late(Effect::Reads))?;
        sent.map_err(|_| gone())?;
        match timeout(wait.left(), answered).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) if turn.set(Turn::GIVEN_UP) => Err(gone()),
            Err(_) if turn.set(Turn::GIVEN_UP) => Err(late(Effect::Reads)),
            Ok(Err(_)) | Err(_) => Err(late(Effect::Writes)),
        }
    }
}

async fn run(pool: SqlitePool, mut jobs: mpsc::Receiver<Job>) {
    let mut batch = Vec::with_capacity(MOST);
    while jobs.recv_many(&mut batch, MOST).await > 0 {
        commit(&pool, std::mem::take(&mut batch)).await;
    }
}

/// Makes all changes in one transaction, and tells each caller.
async fn commit(pool: &SqlitePool, mut batch: Vec<Job>) {
    loop {
        batch.retain(|job| !job.turn.is_given_up());
        if batch.is_empty() {
            return;
        }
        let mut connection = match pool.acquire().await {
            Ok(connection) => connection,
            Err(error) if is_busy(&error) => {
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            Err(error) => return tell_all(batch, || of_connection(copy(&error))),
        };
        let was = match synced(&mut connection).await {
            Ok(was) => was,
            Err(error) => return tell_all(batch, || of_statement(copy(&error), Effect::Reads)),
        };
        match transaction(&mut connection, &batch).await {
            Ok(outcomes) => {
                unsynced(&mut connection, was).await;
                for (job, outcome) in batch.into_iter().zip(outcomes) {
                    if let Some(outcome) = outcome {
                        let _ = job.answer.send(outcome);
                    }
                }
                return;
            }
            Err(Failed::BeforeBegin(error)) if is_busy(&error) => {
                unsynced(&mut connection, was).await;
                drop(connection);
                tokio::time::sleep(PAUSE).await;
            }
            Err(Failed::BeforeBegin(error)) => {
                unsynced(&mut connection, was).await;
                return tell_all(batch, || of_statement(copy(&error), Effect::Reads));
            }
            Err(Failed::RolledBack(error)) => {
                close(connection).await;
                return tell_all(batch, || of_statement(copy(&error), Effect::Reads));
            }
            Err(Failed::AtCommit(error)) => {
                close(connection).await;
                return tell_all(batch, || of_statement(copy(&error), Effect::Writes));
            }
        }
    }
}

/// Why a transaction failed.
enum Failed {
    BeforeBegin(sqlx::Error),
    RolledBack(sqlx::Error),
    AtCommit(sqlx::Error),
}

/// The outcome of each job; `None` for one that was given up.
type Outcomes = Vec<Option<Result<u64, StoreError>>>;

async fn transaction(connection: &mut SqliteConnection, batch: &[Job]) -> Result<Outcomes, Failed> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(Failed::BeforeBegin)?;
    let mut outcomes = Vec::with_capacity(batch.len());
    for job in batch {
        if !job.turn.set(Turn::BEGUN) {
            outcomes.push(None);
            continue;
        }
        let query = sqlx::query_with(AssertSqlSafe(Sql::clone(&job.sql)), job.arguments.clone());
        match transaction.execute(query).await {
            Ok(done) => outcomes.push(Some(Ok(done.rows_affected()))),
            // It alone has failed, and has changed nothing.
            Err(error) if is_refusal(&error) => outcomes.push(Some(Err(of_statement(error, Effect::Reads)))),
            Err(error) => {
                let _ = transaction.rollback().await;
                return Err(Failed::RolledBack(error));
            }
        }
    }
    transaction.commit().await.map_err(Failed::AtCommit)?;
    Ok(outcomes)
}

/// Too big, a constraint, a wrong type: nothing that ends a transaction.
fn is_refusal(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|database| database.code());
    let code = code.and_then(|code| code.parse::<i32>().ok());
    code.is_some_and(|code| matches!(code & 0xff, 18..=20))
}

/// Makes commits sync, whatever the application chose for its pool. Returns what it chose, if that is less.
async fn synced(connection: &mut SqliteConnection) -> Result<Option<i64>, sqlx::Error> {
    let was: i64 = connection.fetch_one("PRAGMA synchronous").await?.try_get(0)?;
    if was >= FULL {
        return Ok(None);
    }
    connection.execute("PRAGMA synchronous = FULL").await?;
    Ok(Some(was))
}

const FULL: i64 = 2;

async fn unsynced(connection: &mut SqliteConnection, was: Option<i64>) {
    let restored = match was {
        None => return,
        Some(0) => connection.execute("PRAGMA synchronous = OFF").await,
        Some(_) => connection.execute("PRAGMA synchronous = NORMAL").await,
    };
    if let Err(error) = restored {
        tracing::warn!(%error, "the setting `synchronous` of a connection could not be restored");
    }
}

/// Ends a connection whose state is not known. That also rolls back.
async fn close(connection: PoolConnection<Sqlite>) {
    let _ = connection.detach().close().await;
}

fn tell_all(batch: Vec<Job>, error: impl Fn() -> StoreError) {
    for job in batch {
        let _ = job.answer.send(Err(error()));
    }
}

/// An error for each of several callers.
fn copy(error: &sqlx::Error) -> sqlx::Error {
    match error {
        sqlx::Error::PoolTimedOut => sqlx::Error::PoolTimedOut,
        sqlx::Error::PoolClosed => sqlx::Error::PoolClosed,
        sqlx::Error::WorkerCrashed => sqlx::Error::WorkerCrashed,
        sqlx::Error::Database(database) => {
            let code = database.code().map(std::borrow::Cow::into_owned);
            sqlx::Error::Database(Box::new(CodeAlone(code)))
        }
        other => sqlx::Error::Io(std::io::Error::other(other.to_string())),
    }
}

/// A database error of which only the code is left.
#[derive(Debug)]
struct CodeAlone(Option<String>);

impl std::fmt::Display for CodeAlone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the database reported an error")
    }
}

impl std::error::Error for CodeAlone {}

impl sqlx::error::DatabaseError for CodeAlone {
    fn message(&self) -> &str {
        "the database reported an error"
    }

    fn code(&self) -> Option<std::borrow::Cow<'_, str>> {
        self.0.as_deref().map(Into::into)
    }

    fn as_error(&self) -> &(dyn std::error::Error + Send + Sync + 'static) {
        self
    }

    fn as_error_mut(&mut self) -> &mut (dyn std::error::Error + Send + Sync + 'static) {
        self
    }

    fn into_error(self: Box<Self>) -> Box<dyn std::error::Error + Send + Sync + 'static> {
        self
    }

    fn kind(&self) -> sqlx::error::ErrorKind {
        sqlx::error::ErrorKind::Other
    }
}
