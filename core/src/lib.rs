//! OAuth 2 inside a Rust web application: the engine.

pub mod client_auth;
pub mod env;
pub mod model;
pub mod people;
pub mod protocol;
pub mod store;
pub mod token;

pub use model::{Client, User};
pub use store::Store;
