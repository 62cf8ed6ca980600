//! What the fuzz targets share: a server with contents, requests parsed from bytes, and the rules for every response.

pub mod answer;
pub mod input;
pub mod page;
pub mod server;
