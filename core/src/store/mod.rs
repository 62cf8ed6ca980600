//! Storage of users, clients, grants and sessions.
//!
//! Everything that must change together is in one row, so a store only has to make changes to one row atomic.
//! [`Backend`] is this contract: a few operations, with a promise for each. [`Store`] is the handle that the server
//! holds, opened from a URL or created from any backend. The logic above the rows is the same for every backend.

mod backend;
pub(crate) mod deadline;
mod ends;
mod error;
mod future;
mod key;
mod kind;
mod query;
mod row;
#[expect(clippy::module_inception, reason = "a reader looks for `Store` in a file of this name")]
mod store;

pub mod conformance;
#[cfg(feature = "file")]
pub mod file;
#[cfg(feature = "griddb")]
pub mod griddb;
pub mod memory;

pub use backend::{Backend, Change, Updated};
pub(crate) use ends::RowWatch;
pub use error::{OpenError, StoreError, StoreErrorKind};
pub use future::StoreFuture;
pub use key::Key;
pub use kind::Kind;
pub use query::{By, Cursor, Entry, Page, Query};
pub(crate) use row::Columns;
pub use row::{CorruptRow, Record, Row};
pub use store::Store;
