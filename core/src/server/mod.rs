//! The server: builder and handle. It wires grants, endpoints and guard together.

mod admin;
mod build_error;
mod builder;
mod check;
mod clients;
mod configuration;
mod edit_client;
mod grants;
mod grid_auth;
mod listing;
mod logouts;
mod mint;
mod new_client;
mod observed_store;
mod put_users;
mod request_span;
mod revocation;
mod routes;
mod sign_up;
mod signed_in;
mod signing_keys;
mod sweeper;
mod usable;

pub use build_error::BuildError;
pub use builder::Builder;
pub use check::{StoreCheck, StoreProblem};
pub use clients::PutClientError;
pub use edit_client::{EditClientError, RotateSecretError};
pub use grants::ClientAccess;
pub use grid_auth::GridAuth;
pub use listing::{ListOptions, Listing};
pub use mint::MintRequest;
pub use new_client::CreateClientError;
pub use revocation::RevokeError;
pub use signed_in::SignInFuture;
pub use signing_keys::{SigningKeyInfo, SigningKeyState};
