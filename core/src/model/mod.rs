//! What is stored: clients, users, grants, sessions and consents, each as one row.

mod authentication;
mod client;
pub(crate) mod client_secret_hash;
mod consent;
mod grant;
mod json;
mod password_hash;
mod session;
mod user;

pub use crate::token::GrantId;
pub use authentication::{Authentication, AuthenticationState};
pub use client::{AuthMethod, Client, ClientBuilder, ClientError, Lifetimes};
pub use client_secret_hash::ClientSecretHash;
pub use consent::Consent;
pub use grant::{AccessState, CodeState, GrantData, GrantRecord, PreviousRefresh, RefreshState};
pub use password_hash::PasswordHash;
pub use session::{Session, SessionId};
pub use user::{StoredUser, User};
