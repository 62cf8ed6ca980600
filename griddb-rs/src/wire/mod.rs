//! The bytes of GridDB's native NoSQL protocol, without I/O: requests are appended to a buffer, answers are read
//! from one.
//!
//! Input is not trusted: no count or length causes an allocation before the bytes it describes have arrived, and
//! no input causes a panic. The fuzz targets drive this module; applications do not need it.

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
