//! Async client of the native protocol of GridDB, in pure Rust.
#![forbid(unsafe_code)]

mod schema;
mod timestamp;
mod value;
pub mod wire;

pub use schema::{Column, ColumnType, Schema};
pub use timestamp::Timestamp;
pub use value::{Array, FromValue, ToValue, Value};
pub use wire::container_name::{ContainerName, InvalidName};
