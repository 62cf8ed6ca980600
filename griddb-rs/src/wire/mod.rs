//! The bytes of GridDB's native NoSQL protocol, apart from any I/O: requests are appended to a buffer, answers
//! are read from one.
//!
//! Nothing here trusts what it reads: no count or length leads to an allocation before the bytes behind it are
//! known to be there, and no input causes a panic. This module is what the fuzz targets drive; an application has
//! no use for it.

pub mod container_name;
pub mod envelope;
pub mod message;
pub mod options;
pub mod reader;
pub mod row_key;
pub mod row_set;
pub mod schema;
pub mod statement;
pub mod varsize;
