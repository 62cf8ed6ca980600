//! What the fuzz targets share: a server with something to find in it, requests read from bytes, and what every answer
//! has to keep to.

pub mod answer;
pub mod input;
pub mod page;
pub mod world;
