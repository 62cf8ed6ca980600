//! OAuth 2 inside a Rust web application: the engine.

pub mod client_auth;
pub mod env;
pub mod grant;
pub mod guard;
pub mod model;
pub mod pages;
pub mod people;
pub mod protocol;
pub mod store;
pub mod token;

mod endpoint;
mod http_io;
mod server;

pub use async_trait::async_trait;
pub use guard::Access;
pub use http_io::{Peer, Request, Response, Unread, whole_request};
pub use model::{Client, User};
pub use server::{BuildError, Builder, GridAuth, MintRequest, RevokeError};
pub use store::Store;
