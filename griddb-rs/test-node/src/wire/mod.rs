//! The bytes: integers, strings, envelopes, options, container keys, schemas and rows.

pub(crate) mod container_key;
pub(crate) mod frame;
pub(crate) mod options;
pub(crate) mod read;
pub(crate) mod row;
pub(crate) mod schema;
pub(crate) mod write;
