//! OAuth 2 inside a Rust web application: the engine.

pub mod client_auth;
pub mod env;
pub mod people;
pub mod store;

pub use store::Store;
