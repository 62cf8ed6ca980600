//! Storage of users, clients, grants and sessions.
//!
//! Everything that must change together is in one row, so a store only has to make changes to one row atomic.
//! [`Backend`] is this contract: a few operations, with a promise for each. [`Store`] is the handle that the server
//! holds, opened from a URL or created from any backend. The logic above the rows is the same for every backend.

mod backend;
mod client_cache;
mod copy;
pub mod deadline;
mod deferred;
mod ends;
mod error;
mod future;
mod key;
mod kind;
mod query;
mod row;
mod scheme;
#[expect(clippy::module_inception, reason = "a reader looks for `Store` in a file of this name")]
mod store;

pub mod conformance;
#[cfg(feature = "file")]
pub mod file;
#[cfg(feature = "griddb")]
pub mod griddb;
pub mod memory;

pub use backend::{Backend, Change, Updated};
pub use client_cache::{ClientCache, Reading, Writing};
pub use copy::{CopyError, CopyOptions, CopyProgress, CopyReport};
pub use deferred::{Deferred, after_commit, is_deferring};
pub(crate) use ends::RowWatch;
pub use error::{OpenError, StoreError, StoreErrorKind};
pub use future::StoreFuture;
pub use key::Key;
pub use kind::Kind;
pub use query::{By, Cursor, Entry, Page, Query};
pub use row::{Columns, CorruptRow, Record, Row};
pub use scheme::{OpenFuture, Scheme, SchemeTaken, register_scheme};
pub use store::Store;
