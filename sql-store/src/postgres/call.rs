//! One statement on a connection of the pool, within the time that is left.

use std::time::Duration;

use gridauth::store::StoreError;
use gridauth::store::deadline::Wait;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgArguments, PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Connection, Executor, PgPool, Postgres};
use tokio::time::timeout;

use super::statements::Sql;
use crate::error::{Effect, exhausted, has_lost, late, of_connection, of_statement};

/// A statement with its parameters.
pub(super) struct Call {
    pub(super) sql: Sql,
    pub(super) arguments: PgArguments,
    pub(super) effect: Effect,
}

/// What a statement returned: its rows, and how many it affected.
#[derive(Default)]
pub(super) struct Answer {
    pub(super) rows: Vec<PgRow>,
    pub(super) affected: u64,
}

/// How statements are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Prepare {
    /// Each connection prepares a statement once and keeps it.
    Once,
    /// Nothing is kept on a connection: every statement is prepared in a transaction of its own. For a pooler that gives
    /// each transaction another server and does not know prepared statements.
    EachTime,
}

/// The pause before a statement is sent again that lost against another one.
pub(super) const PAUSE: Duration = Duration::from_millis(5);

/// A connection of the pool, for a call.
pub(super) async fn connection(pool: &PgPool, wait: &Wait) -> Result<PoolConnection<Postgres>, StoreError> {
    match timeout(wait.left(), pool.acquire()).await {
        Ok(connection) => connection.map_err(of_connection),
        Err(_) => Err(exhausted()),
    }
}

/// Sends one statement. It is sent again if it lost against another one and has changed nothing.
pub(super) async fn on_pool(
    pool: &PgPool,
    prepare: Prepare,
    call: Call,
    wait: &Wait,
) -> Result<Answer, StoreError> {
    loop {
        let mut connection = connection(pool, wait).await?;
        let sent = match prepare {
            Prepare::Once => timeout(wait.left(), send(&mut connection, &call, true)).await,
            Prepare::EachTime => timeout(wait.left(), in_transaction(&mut connection, &call)).await,
        };
        match sent {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) if has_lost(&error) && wait.left() > PAUSE => {
                drop(connection);
                tokio::time::sleep(PAUSE).await;
            }
            Ok(Err(error)) => return Err(of_statement(error, call.effect)),
            Err(_) => {
                // It is still at work, and nobody must wait for it.
                drop(connection.detach());
                return Err(late(call.effect));
            }
        }
    }
}

async fn in_transaction(connection: &mut PgConnection, call: &Call) -> Result<Answer, sqlx::Error> {
    let mut transaction = connection.begin().await?;
    let answer = send(&mut transaction, call, false).await?;
    transaction.commit().await?;
    Ok(answer)
}

/// Sends one statement on this connection.
pub(super) async fn send(
    connection: &mut PgConnection,
    call: &Call,
    keep: bool,
) -> Result<Answer, sqlx::Error> {
    let sql = AssertSqlSafe(Sql::clone(&call.sql));
    let query = sqlx::query_with(sql, call.arguments.clone()).persistent(keep);
    match call.effect {
        Effect::Reads => Ok(Answer { rows: connection.fetch_all(query).await?, affected: 0 }),
        Effect::Writes => {
            Ok(Answer { rows: Vec::new(), affected: connection.execute(query).await?.rows_affected() })
        }
    }
}
