//! What is kept: clients, users, grants, sessions and consents, each as one row.

mod client;
mod consent;
mod grant;
mod json;
mod session;
mod user;

pub use client::{AuthMethod, Client, ClientBuilder, ClientError, Lifetimes};
pub use consent::Consent;
pub use grant::{AccessState, CodeState, GrantData, GrantId, GrantRecord, PreviousRefresh, RefreshState};
pub use session::Session;
pub use user::{StoredUser, User};
