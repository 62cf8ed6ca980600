#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod client;
mod cluster;
mod collection;
mod config;
mod connection;
mod error;
mod owner;
mod random;
mod retry;
mod row;
mod schema;
mod stats;
mod timestamp;
pub mod tql;
mod value;
// For tests and fuzz targets only; it has no stability promise.
#[doc(hidden)]
pub mod wire;

pub use client::Client;
pub use collection::{
    Change, Collection, Durability, ExplainRow, Pages, Query, Transaction, Updated, Written,
};
pub use config::Config;
pub use error::{Error, ErrorKind};
pub use row::{ColumnIndex, FromRow, Row, ToKey, ToRow};
pub use schema::{Column, ColumnType, Schema};
pub use stats::Stats;
pub use timestamp::Timestamp;
pub use value::{Array, FromValue, ToValue, Value};
pub use wire::container_name::{ContainerName, InvalidName};
