//! Stores for tests: wrappers around any [`Backend`](gridauth::store::Backend) that count calls, delay them or make them fail.
//!
//! | wrapper | what it does |
//! | --- | --- |
//! | [`Counting`] | counts the calls that reach the store within it |
//! | [`Delaying`] | answers no call at the first poll, like a store behind a network |
//! | [`Failing`] | fails the calls that a test chooses, before or after they are done |
//! | [`Shared`] | says that other processes use the store too |
//! | [`Minimal`] | implements the required methods only, so that the trait's own code runs for the rest |
//!
//! [`Postgres`] is a PostgreSQL server that a test starts.
//!
//! A clone of a wrapper is a second handle to the same store, so a test gives one to the server and keeps the other.
//! Wrappers nest. The order matters: put [`Counting`] within [`Delaying`] to count the calls that are made, not the
//! futures that are created.
//!
//! ```
//! use gridauth::store::memory::MemoryStore;
//! use gridauth::store::{Key, Kind, Store};
//! use gridauth_test_stores::{Call, Counting, Failing, Failure};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), gridauth::store::StoreError> {
//! let failing = Failing::new(MemoryStore::new());
//! let reads = Counting::reads(failing.clone());
//! let store = Store::new(reads.clone());
//!
//! failing.fail(Failure::Before, |call| matches!(call, Call::Get(key) if key.kind == Kind::User));
//! assert!(store.get(Key::new(Kind::User, "israel")).await.is_err());
//! assert!(store.get(Key::new(Kind::Client, "web")).await?.is_none());
//! assert_eq!(reads.count(), 2);
//! # Ok(())
//! # }
//! ```
//!
//! This crate depends on `gridauth`, and the integration tests of `gridauth` depend on this crate. Unit tests inside
//! `gridauth` cannot use it: they are compiled into another copy of `gridauth`, whose `Backend` is a different trait.
//! A test that needs one of these stores is an integration test.

#[macro_use]
mod forward;

mod call;
mod counting;
mod delaying;
mod failing;
mod minimal;
mod postgres;
mod shared;

pub use call::Call;
pub use counting::Counting;
pub use delaying::Delaying;
pub use failing::{Failing, Failure};
pub use minimal::Minimal;
pub use postgres::Postgres;
pub use shared::Shared;
