//! Stores from URLs.

use gridauth::store::{Backend, OpenError, Scheme, SchemeTaken, register_scheme};

use crate::options::SqlOptions;
use crate::store::{Pool, SqlStore};

const PROVIDER: &str = env!("CARGO_PKG_NAME");

/// Makes [`Store::open`](gridauth::Store::open) open `postgres://` and `sqlite:` URLs, as far as the features are on.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// gridauth_sqlx::register()?;
/// # #[cfg(feature = "sqlite")] {
/// # let directory = tempfile::tempdir()?;
/// # std::env::set_current_dir(&directory)?;
/// let store = gridauth::Store::open("sqlite:auth.db").await?;
/// # store.ping().await?; }
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
///
/// # Errors
/// [`SchemeTaken`] if another crate has registered one of them.
pub fn register() -> Result<(), SchemeTaken> {
    #[cfg(feature = "postgres")]
    for name in ["postgres", "postgresql"] {
        register_scheme(Scheme {
            name,
            provider: PROVIDER,
            form: "postgres://USER:PASSWORD@HOST[:PORT]/DATABASE",
            open: |url| Box::pin(async move { Ok(Box::new(postgres(url).await?) as Box<dyn Backend>) }),
        })?;
    }
    #[cfg(feature = "sqlite")]
    register_scheme(Scheme {
        name: "sqlite",
        provider: PROVIDER,
        form: "sqlite:PATH",
        open: |url| Box::pin(async move { Ok(Box::new(sqlite(url).await?) as Box<dyn Backend>) }),
    })?;
    Ok(())
}

/// A pool as the application would open it, without what costs a round trip per statement.
fn pool_options<DB: sqlx::Database>(options: &SqlOptions, default_size: u32) -> sqlx::pool::PoolOptions<DB> {
    sqlx::pool::PoolOptions::new()
        .max_connections(options.max_connections.unwrap_or(default_size))
        .acquire_timeout(options.timeout)
        // Only a connection that was idle for a while may be gone without anybody having noticed.
        .test_before_acquire(false)
        .before_acquire(|connection, meta| {
            Box::pin(async move {
                if meta.idle_for < STALE {
                    return Ok(true);
                }
                let pinged = tokio::time::timeout(PING, sqlx::Connection::ping(connection)).await;
                Ok(matches!(pinged, Ok(Ok(()))))
            })
        })
}

/// How long a connection may be idle before it is tried out.
const STALE: std::time::Duration = std::time::Duration::from_secs(1);
/// How long trying it out may take.
const PING: std::time::Duration = std::time::Duration::from_secs(2);

/// The options of the connection that a URL may have besides those of [`SqlOptions`].
#[cfg(feature = "postgres")]
const OF_CONNECTION: [&str; 18] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
    "statement-cache-capacity",
];

#[cfg(feature = "postgres")]
async fn postgres(url: &str) -> Result<SqlStore, OpenError> {
    use sqlx::postgres::{PgConnectOptions, Postgres};

    const SCHEME: &str = "postgres:";
    const FORM: &str =
        "it must be postgres://USER:PASSWORD@HOST[:PORT]/DATABASE, with special characters percent-encoded";
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    let (options, others) = SqlOptions::of_query(query, SCHEME)?;
    for (name, value) in &others {
        let is_setting = name.starts_with("options[") && name.ends_with(']');
        if !is_setting && !OF_CONNECTION.contains(&name.as_str()) {
            return Err(OpenError::bad_url(SCHEME, "it has an unknown option"));
        }
        if name == "statement-cache-capacity" && value == "0" {
            return Err(OpenError::bad_url(
                SCHEME,
                "use prepared=false instead of statement-cache-capacity=0",
            ));
        }
    }
    let said = |name: &str| others.iter().any(|(other, _)| other == name);
    // What is missing would come from the environment, or be the name of the system's user.
    let rest = base.split_once("://").map_or("", |(_, rest)| rest);
    let (server, database) = rest.split_once('/').unwrap_or((rest, ""));
    let (user, host) = server.rsplit_once('@').unwrap_or(("", server));
    let is_whole = (!user.is_empty() || said("user"))
        && (!host.is_empty() || said("host") || said("hostaddr"))
        && (!database.is_empty() || said("dbname"));
    if !is_whole {
        return Err(OpenError::bad_url(SCHEME, FORM));
    }
    let others_again = form_urlencoded::Serializer::new(String::new()).extend_pairs(&others).finish();
    let connection: PgConnectOptions =
        format!("{base}?{others_again}").parse().map_err(|_| OpenError::bad_url(SCHEME, FORM))?;
    // Nothing here is a float, and PgBouncer refuses the setting.
    let connection = connection.extra_float_digits(None);
    // Each kind of row has some statements.
    let connection =
        if said("statement-cache-capacity") { connection } else { connection.statement_cache_capacity(512) };
    let host = connection.get_host();
    let is_local = connection.get_socket().is_some()
        || host.starts_with('/')
        || host == "localhost"
        || host
            .trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback());
    if !is_local && !said("sslmode") && !said("ssl-mode") {
        tracing::warn!(
            host,
            "the connection to PostgreSQL may be unencrypted: turn on a TLS feature of sqlx and say sslmode=verify-full"
        );
    }
    let place = place_of(&connection);
    let pool = pool_options::<Postgres>(&options, 10).connect_lazy_with(connection);
    SqlStore::open(Pool::Postgres(pool), options, Some(place)).await
}

/// A place without user and password.
#[cfg(feature = "postgres")]
pub(crate) fn place_of(connection: &sqlx::postgres::PgConnectOptions) -> String {
    let database = connection.get_database().unwrap_or_else(|| connection.get_username());
    match connection.get_socket() {
        Some(socket) => format!("postgres:{}/{database}", socket.display()),
        None => format!("postgres://{}:{}/{database}", connection.get_host(), connection.get_port()),
    }
}

#[cfg(feature = "sqlite")]
async fn sqlite(url: &str) -> Result<SqlStore, OpenError> {
    use sqlx::sqlite::{Sqlite, SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};

    const SCHEME: &str = "sqlite:";
    let rest = url.strip_prefix(SCHEME).unwrap_or(url);
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (options, others) = SqlOptions::of_query(query, SCHEME)?;
    if !others.is_empty() {
        return Err(OpenError::bad_url(SCHEME, "it has an unknown option"));
    }
    if path.is_empty() {
        return Err(OpenError::bad_url(SCHEME, "the path is missing"));
    }
    if path == ":memory:" || path == "//:memory:" {
        return Err(OpenError::bad_url(SCHEME, "a store in memory is memory:"));
    }
    if let Some(rest) = path.strip_prefix("//") {
        let path = if rest.starts_with('/') { rest } else { "PATH" };
        return Err(OpenError::bad_url(
            SCHEME,
            format!("a path follows sqlite: without slashes of its own: write sqlite:{path}"),
        ));
    }
    let connection = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(options.timeout)
        .statement_cache_capacity(512);
    let pool = pool_options::<Sqlite>(&options, 5)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_lazy_with(connection);
    SqlStore::open(Pool::Sqlite(pool), options, Some(format!("{SCHEME}{path}"))).await
}
