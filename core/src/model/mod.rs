//! What is kept: clients, users, grants, sessions and consents, each as one row.

mod client;
pub(crate) mod client_secret_hash;
mod consent;
mod grant;
mod json;
mod password_hash;
mod session;
mod user;

pub use client::{AuthMethod, Client, ClientBuilder, ClientError, Lifetimes};
pub use client_secret_hash::ClientSecretHash;
pub use consent::Consent;
pub use grant::{AccessState, CodeState, GrantData, GrantId, GrantRecord, PreviousRefresh, RefreshState};
pub use password_hash::PasswordHash;
pub use session::Session;
pub use user::{StoredUser, User};
