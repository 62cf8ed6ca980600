//! Where users, clients, grants and sessions are kept.
//!
//! Everything that must change together lives in one row, so the atomicity of one row is all that a store has to give.
//! [`Backend`] is that contract: six operations and a promise for each. [`Store`] is the handle that the server holds,
//! opened from a URL or made from any backend. What is done with the rows is decided elsewhere, once, for every backend.

mod backend;
pub(crate) mod deadline;
mod error;
mod future;
mod key;
mod query;
mod row;
#[expect(clippy::module_inception, reason = "`Store` is where a reader looks for it")]
mod store;

pub mod conformance;
pub mod file;
#[cfg(feature = "griddb")]
pub mod griddb;
pub mod memory;

pub use backend::{Backend, Change, Updated};
pub use error::{OpenError, StoreError, StoreErrorKind};
pub use future::StoreFuture;
pub use key::{Key, Kind};
pub use query::{By, Cursor, Entry, Page, Query};
pub(crate) use row::Columns;
pub use row::{CorruptRow, Record, Row};
pub use store::Store;
