//! PostgreSQL and SQLite as the store of [`gridauth`], on the pool that the application has already.
//!
//! ```no_run
//! # #[cfg(feature = "postgres")]
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use gridauth::{GridAuth, Store, grant::ClientCredentials};
//! use gridauth_sqlx::{SqlStore, sqlx};
//!
//! let pool = sqlx::PgPool::connect("postgres://app:secret@localhost/app").await?;
//! let auth = GridAuth::builder("https://id.example.com")
//!     .store(Store::new(SqlStore::from_pool(pool.clone()).await?))
//!     .grant(ClientCredentials::new())
//!     .build()
//!     .await?;
//! # Ok(()) }
//! ```
//!
//! A program without a pool calls [`register`] once. Then [`Store::open`](gridauth::Store::open) opens `postgres://` and `sqlite:`
//! URLs, with the options of [`SqlOptions`].
//!
//! # One transaction with the application's own rows
//!
//! [`Within::within`] runs a server on a transaction that the application has open:
//!
//! ```no_run
//! # #[cfg(all(feature = "postgres", feature = "server"))]
//! # async fn run(auth: gridauth::GridAuth, pool: gridauth_sqlx::sqlx::PgPool) -> Result<(), Box<dyn std::error::Error>> {
//! use gridauth_sqlx::{Within, sqlx};
//!
//! let mut transaction = pool.begin().await?;
//! let ended = auth.within(&mut transaction, auth.revoke_user("israel")).await?.transpose()?;
//! sqlx::query("DELETE FROM profiles WHERE subject = 'israel'").execute(&mut *transaction).await?;
//! transaction.commit().await?;
//! ended.committed(); // now events and messages leave
//! # Ok(()) }
//! ```
//!
//! # Features
//!
//! | feature | what it adds |
//! | --- | --- |
//! | `server` | `within` for a whole server; on by default |
//! | `postgres` | PostgreSQL 12 or newer |
//! | `sqlite` | SQLite, compiled from the sources in `libsqlite3-sys` |
//!
//! Connections are not encrypted by default. Turn on the feature of [`sqlx`] that you want, such as `tls-rustls-aws-lc-rs`, in the
//! application's own `Cargo.toml`, and put `sslmode=verify-full` into the URL.
//!
//! # Tables
//!
//! Each kind of row has a table: `grants`, `sessions`, `users`, `clients` and so on. In PostgreSQL they are in a schema of their
//! own, `gridauth` by default. In SQLite their names begin with `gridauth_`. Subject, client, scope and times are columns, so that
//! people can query who has access. Tables are created when the store is opened; `docs/sql.md` in the repository shows the
//! schema, how an application's own migrations create it, and what the database user needs.

mod error;
mod open;
mod options;
#[cfg(feature = "postgres")]
mod postgres;
mod rows;
#[cfg(feature = "sqlite")]
mod sqlite;
mod store;
mod tables;
mod within;

pub use error::is_conflict;
pub use open::register;
pub use options::SqlOptions;
pub use sqlx;
pub use store::{Pool, SqlStore};
pub use tables::{Dialect, migrations};
pub use within::{OpenTransaction, OtherStore, Uncommitted, Within};
