//! The tables: whether they are there, and creating them.

use std::collections::HashSet;

use gridauth::store::{Kind, OpenError};
use sqlx::{AssertSqlSafe, Connection, Executor, Row, SqliteConnection, SqlitePool};
use tokio::time::timeout;

use super::PAUSE;
use crate::error::is_busy;
use crate::options::SqlOptions;
use crate::tables::{Names, VERSION};

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
enum SetUpError {
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    #[error("a newer version of gridauth set it up (layout {0}; this version supports layout {VERSION})")]
    Newer(i32),
    #[error("tables are missing ({0}); run the migrations of gridauth-sqlx, or let it create them")]
    Missing(String),
}

/// Checks the tables, and creates those that are missing. If none is, nothing is written.
pub(super) async fn set_up(
    pool: &SqlitePool,
    names: &Names,
    options: &SqlOptions,
    place: &str,
) -> Result<(), OpenError> {
    let work = async {
        loop {
            match try_set_up(pool, names, options).await {
                // Another process sets it up.
                Err(SetUpError::Database(error)) if is_busy(&error) => tokio::time::sleep(PAUSE).await,
                done => return done,
            }
        }
    };
    match timeout(options.timeout, work).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(SetUpError::Database(error))) => {
            let reason = format!("the file cannot be used: {}", reason(&error));
            Err(OpenError::cannot_open(place, reason).with_source(error))
        }
        Ok(Err(other)) => Err(OpenError::cannot_open(place, other.to_string())),
        Err(_) => {
            let seconds = options.timeout.as_secs_f32();
            Err(OpenError::cannot_open(place, format!("the file was busy for {seconds} s")))
        }
    }
}

fn reason(error: &sqlx::Error) -> String {
    error.as_database_error().map_or_else(|| error.to_string(), |database| database.message().to_owned())
}

async fn try_set_up(pool: &SqlitePool, names: &Names, options: &SqlOptions) -> Result<(), SetUpError> {
    let mut connection = pool.acquire().await?;
    let mode: String = connection.fetch_one("PRAGMA journal_mode").await?.try_get(0)?;
    if mode != "wal" && mode != "memory" {
        tracing::warn!(
            mode,
            "the SQLite database is not in WAL mode, so readers and writers wait for each other: set the journal mode of the pool"
        );
    }
    let missing = missing(&mut connection, names).await?;
    if missing.is_empty() {
        return Ok(());
    }
    if !options.create_tables {
        return Err(SetUpError::Missing(missing.join(", ")));
    }
    let tables: String = Kind::ALL.into_iter().map(|kind| names.create(kind)).collect();
    let sql = [names.prelude(), tables, names.set_version()].concat();
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    transaction.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await?;
    transaction.commit().await?;
    Ok(())
}

/// The tables that are missing.
async fn missing(connection: &mut SqliteConnection, names: &Names) -> Result<Vec<String>, SetUpError> {
    let tables = connection.fetch_all("SELECT name FROM sqlite_master WHERE type = 'table'").await?;
    let tables: HashSet<String> = tables.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    let layout = names.layout();
    let version: Option<i32> = if tables.contains(&layout) {
        let sql = format!("SELECT max(version) FROM {layout}");
        connection.fetch_one(sqlx::query(AssertSqlSafe(sql))).await?.try_get(0)?
    } else {
        None
    };
    if let Some(version) = version.filter(|version| *version > VERSION) {
        return Err(SetUpError::Newer(version));
    }
    let all = Kind::ALL.into_iter().map(|kind| names.of(kind));
    let mut missing: Vec<String> = all.filter(|table| !tables.contains(table)).collect();
    if version != Some(VERSION) {
        missing.push(layout);
    }
    Ok(missing)
}
