//! OAuth 2 inside a Rust web application: the engine.

pub mod env;
pub mod pages;
pub mod store;

pub use store::Store;
