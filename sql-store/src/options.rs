//! How a store is opened, and the options of its URL.

use std::time::Duration;

use gridauth::store::OpenError;

use crate::store::{Pool, SqlStore};

/// How a [`SqlStore`] is opened. In a URL each of them is an option: `postgres://app:secret@db/app?schema=auth`.
///
/// | option | meaning | default |
/// | --- | --- | --- |
/// | `schema` | the schema of the tables, in PostgreSQL | `gridauth` |
/// | `create_tables` | whether missing tables are created: `true` or `false` | `true` |
/// | `timeout` | the time limit of a call, and of all calls of one request together | `10s` |
/// | `client_cache` | how long a client's row may be cached, and so how long a change by another process may go unnoticed; `0s` disables the cache | `5s` |
/// | `prepared` | whether connections keep prepared statements: `false` for a pooler that does not know them, such as PgBouncer before 1.21 in transaction mode | `true` |
/// | `max_connections` | the size of the pool that a URL opens, 1 to 1000 | 10; SQLite 5 |
///
/// ```no_run
/// # #[cfg(feature = "sqlite")]
/// # async fn open() -> Result<(), Box<dyn std::error::Error>> {
/// use gridauth::Store;
/// use gridauth_sqlx::{SqlOptions, sqlx};
///
/// let pool = sqlx::SqlitePool::connect("sqlite:app.db").await?;
/// let store = Store::new(SqlOptions::default().create_tables(false).from_pool(pool).await?);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct SqlOptions {
    pub(crate) schema: String,
    pub(crate) create_tables: bool,
    pub(crate) timeout: Duration,
    pub(crate) client_cache: Duration,
    pub(crate) prepared: bool,
    pub(crate) max_connections: Option<u32>,
}

impl Default for SqlOptions {
    fn default() -> Self {
        Self {
            schema: "gridauth".to_owned(),
            create_tables: true,
            timeout: Duration::from_secs(10),
            client_cache: Duration::from_secs(5),
            prepared: true,
            max_connections: None,
        }
    }
}

/// The longest of the times.
const LONGEST: Duration = Duration::from_secs(86_400);

impl SqlOptions {
    /// Sets the schema of the tables in PostgreSQL, `gridauth` by default.
    #[must_use]
    pub fn schema(mut self, schema: impl Into<String>) -> Self {
        self.schema = schema.into();
        self
    }

    /// Whether missing tables are created, as by default. If not, a missing table is an error.
    #[must_use]
    pub fn create_tables(mut self, create: bool) -> Self {
        self.create_tables = create;
        self
    }

    /// Sets the time limit of a call, and of all calls of one request together; 10 seconds by default.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets how long a client's row may be cached; 5 seconds by default. Zero disables the cache.
    #[must_use]
    pub fn client_cache(mut self, keep_for: Duration) -> Self {
        self.client_cache = keep_for;
        self
    }

    /// Whether connections to PostgreSQL keep prepared statements, as by default.
    #[must_use]
    pub fn prepared(mut self, prepared: bool) -> Self {
        self.prepared = prepared;
        self
    }

    /// Opens the store on a pool.
    ///
    /// # Errors
    /// [`OpenError`] if the database cannot be used, or a newer version set it up.
    pub async fn from_pool(self, pool: impl Into<Pool>) -> Result<SqlStore, OpenError> {
        SqlStore::open(pool.into(), self, None).await
    }

    /// Takes one option of a URL. Returns false if it is not one of these.
    pub(crate) fn set(&mut self, name: &str, value: &str) -> Result<bool, &'static str> {
        match name {
            "schema" => {
                // The longest name in PostgreSQL.
                if value.is_empty() || value.len() > 63 || value.contains('\0') {
                    return Err("it must be the name of a schema, of at most 63 bytes");
                }
                value.clone_into(&mut self.schema);
            }
            "create_tables" => self.create_tables = flag(value)?,
            "prepared" => self.prepared = flag(value)?,
            "timeout" => {
                let time = duration(value).filter(|time| !time.is_zero());
                self.timeout = time.ok_or("it must be a time such as 5s or 500ms, at most a day")?;
            }
            "client_cache" => {
                self.client_cache =
                    duration(value).ok_or("it must be a time such as 5s or 500ms, at most a day")?;
            }
            "max_connections" => {
                let number = number(value).and_then(|number| u32::try_from(number).ok());
                let number = number.filter(|number| (1..=1000).contains(number));
                self.max_connections = Some(number.ok_or("it must be a number from 1 to 1000")?);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Takes the options from a URL, and returns those that are not of this list. `scheme` names the URL in errors.
    pub(crate) fn of_query(query: &str, scheme: &str) -> Result<(Self, Vec<(String, String)>), OpenError> {
        let bad = |name: &str, reason: &str| {
            // What is no name of an option may be a part of the password.
            let plain =
                name.len() <= 40 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-[]".contains(&b));
            let name = if plain { name } else { "?" };
            Err(OpenError::bad_url(scheme, format!("option {name}: {reason}")))
        };
        let mut options = Self::default();
        let mut others: Vec<(String, String)> = Vec::new();
        let mut given: Vec<String> = Vec::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if given.iter().any(|other| *other == name) {
                return bad(&name, "it is given twice");
            }
            given.push(name.to_string());
            match options.set(&name, &value) {
                Ok(true) => {}
                Ok(false) => others.push((name.into_owned(), value.into_owned())),
                Err(reason) => return bad(&name, reason),
            }
        }
        Ok((options, others))
    }
}

fn flag(value: &str) -> Result<bool, &'static str> {
    match value {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err("it must be true or false"),
    }
}

/// A number with a unit.
fn duration(value: &str) -> Option<Duration> {
    let (digits, millis) = match (value.strip_suffix("ms"), value.strip_suffix('s'), value.strip_suffix('m'))
    {
        (Some(digits), ..) => (digits, 1),
        (_, Some(digits), _) => (digits, 1000),
        (.., Some(digits)) => (digits, 60_000),
        _ => return None,
    };
    let time = number(digits)?.checked_mul(millis).map(Duration::from_millis)?;
    Some(time).filter(|time| *time <= LONGEST)
}

/// Digits only: nobody means what Rust parses besides, such as a sign.
fn number(value: &str) -> Option<u64> {
    let digits = value.bytes().all(|byte| byte.is_ascii_digit());
    value.parse().ok().filter(|_| digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_has_its_bounds() {
        let bounds: [(&str, &[&str], &[&str]); 6] = [
            ("schema", &["auth", "Auth x"], &["", &"x".repeat(64), "a\0b"]),
            ("create_tables", &["true", "false"], &["", "1", "True"]),
            ("prepared", &["true", "false"], &["", "no"]),
            ("timeout", &["1ms", "10s", "1440m"], &["0s", "86401s", "5", "-1s", "+5s", ""]),
            ("client_cache", &["0s", "5s"], &["86401s", "5", ""]),
            ("max_connections", &["1", "1000"], &["0", "1001", "-1", "+4", ""]),
        ];
        for (name, good, bad) in bounds {
            for value in good {
                assert_eq!(SqlOptions::default().set(name, value), Ok(true), "{name}={value}");
            }
            for value in bad {
                assert!(SqlOptions::default().set(name, value).is_err(), "{name}={value}");
            }
        }
    }

    #[test]
    fn options_are_taken_once_and_others_are_left() {
        let (options, others) =
            SqlOptions::of_query("schema=a&sslmode=require&timeout=2s", "postgres:").unwrap();
        assert_eq!((options.schema.as_str(), options.timeout), ("a", Duration::from_secs(2)));
        assert_eq!(others, [("sslmode".to_owned(), "require".to_owned())]);
        let error = SqlOptions::of_query("schema=a&%73chema=b", "postgres:").unwrap_err();
        assert!(error.bad_url && error.reason.contains("schema"), "{error}");
    }
}
