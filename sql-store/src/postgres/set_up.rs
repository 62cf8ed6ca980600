//! The tables: whether they are there, and creating them.

use std::collections::HashSet;

use gridauth::store::{Kind, OpenError};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, PgPool, Row};
use tokio::time::timeout;

use crate::options::SqlOptions;
use crate::tables::{Names, VERSION, name};

/// Why a database cannot be used.
#[derive(Debug, thiserror::Error)]
enum SetUpError {
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    #[error("a newer version of gridauth set it up (layout {0}; this version supports layout {VERSION})")]
    Newer(i32),
    #[error(
        "tables are missing in the schema {schema} ({missing}); run the migrations of gridauth-sqlx, or let it create them"
    )]
    Missing { schema: String, missing: String },
    #[error("its encoding is {0}, and only UTF8 can store every text")]
    Encoding(String),
}

/// What a database has.
struct Present {
    version: Option<i32>,
    missing: Vec<Kind>,
}

/// Checks the tables, and creates those that are missing. If none is, nothing is written, so that a database user without the right
/// to create tables is enough.
pub(super) async fn set_up(
    pool: &PgPool,
    names: &Names,
    options: &SqlOptions,
    place: &str,
) -> Result<(), OpenError> {
    let work = async {
        let mut connection = pool.acquire().await?;
        let encoding: String = scalar(&mut connection, "SELECT current_setting('server_encoding')").await?;
        if encoding != "UTF8" {
            return Err(SetUpError::Encoding(encoding));
        }
        let present = present(&mut connection, names, &options.schema).await?;
        if present.version == Some(VERSION) && present.missing.is_empty() {
            return Ok(());
        }
        if !options.create_tables {
            let missing: Vec<String> = present.missing.into_iter().map(name).collect();
            return Err(SetUpError::Missing { schema: options.schema.clone(), missing: missing.join(", ") });
        }
        create(&mut connection, names, &options.schema).await
    };
    match timeout(options.timeout, work).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(SetUpError::Database(error))) => {
            let reason = format!("the database cannot be used: {error}");
            Err(OpenError::cannot_open(place, reason).with_source(error))
        }
        Ok(Err(other)) => Err(OpenError::cannot_open(place, other.to_string())),
        Err(_) => {
            let seconds = options.timeout.as_secs_f32();
            Err(OpenError::cannot_open(place, format!("the database did not answer within {seconds} s")))
        }
    }
}

async fn scalar<T>(connection: &mut PgConnection, sql: &'static str) -> Result<T, sqlx::Error>
where
    T: for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
{
    connection.fetch_one(sqlx::query(sql).persistent(false)).await?.try_get(0)
}

async fn present(connection: &mut PgConnection, names: &Names, schema: &str) -> Result<Present, SetUpError> {
    // A transaction, for a pooler that gives each of them another server.
    let mut transaction = connection.begin().await?;
    let tables = sqlx::query(
        "SELECT c.relname::text FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname = $1 AND c.relkind IN ('r', 'p')",
    );
    let rows = transaction.fetch_all(tables.bind(schema).persistent(false)).await?;
    let tables: HashSet<String> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    let version = if tables.contains("layout") {
        let sql = format!("SELECT max(version) FROM {}", names.layout());
        transaction.fetch_one(sqlx::query(AssertSqlSafe(sql)).persistent(false)).await?.try_get(0)?
    } else {
        None
    };
    transaction.commit().await?;
    match version {
        Some(version) if version > VERSION => Err(SetUpError::Newer(version)),
        _ => {
            let missing = Kind::ALL.into_iter().filter(|kind| !tables.contains(&name(*kind))).collect();
            Ok(Present { version, missing })
        }
    }
}

/// Creates what is missing. Of several processes, one does so at a time. The lock ends with the transaction, so it works
/// through a pooler too.
async fn create(connection: &mut PgConnection, names: &Names, schema: &str) -> Result<(), SetUpError> {
    let mut transaction = connection.begin().await?;
    let lock = sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended('gridauth ' || $1, 0))");
    transaction.execute(lock.bind(schema).persistent(false)).await?;
    let tables: String = Kind::ALL.into_iter().map(|kind| names.create(kind)).collect();
    let sql = [names.prelude(), tables, names.set_version()].concat();
    transaction.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await?;
    transaction.commit().await?;
    Ok(())
}
