//! What is stored: clients, users, grants, devices, sessions and consents, each as one row.

mod access_token_format;
mod audit_entry;
mod authentication;
mod authorization_detail;
mod client;
#[cfg(feature = "server")]
mod client_keys;
#[cfg(feature = "server")]
mod client_metadata;
pub(crate) mod client_secret_hash;
pub(crate) mod client_secrets;
mod consent;
mod device_authorization;
mod former_secret;
mod grant;
mod grant_summary;
mod json;
mod logout_notice;
mod logout_uris;
mod password_hash;
mod pushed_request;
mod session;
mod shared_secret;
#[cfg(feature = "server")]
mod signing_key;
#[cfg(feature = "server")]
mod unmet;
mod user;

pub use crate::token::GrantId;
pub use access_token_format::AccessTokenFormat;
pub use audit_entry::AuditEntry;
pub use authentication::{Authentication, AuthenticationState};
pub use authorization_detail::AuthorizationDetail;
pub(crate) use authorization_detail::{AUTHORIZATION_DETAILS, read_detail, write_detail};
pub use client::{AuthMethod, Client, ClientBuilder, ClientError, Lifetimes};
#[cfg(feature = "server")]
pub use client_metadata::ClientMetadataError;
pub use client_secret_hash::ClientSecretHash;
pub use consent::Consent;
pub use device_authorization::{DeviceAuthorization, DeviceDecision};
pub use grant::{
    AccessState, CodeState, ExchangeState, GrantData, GrantRecord, PreviousRefresh, RefreshState,
};
pub use grant_summary::GrantSummary;
pub use logout_notice::LogoutNotice;
pub use logout_uris::LogoutMetadataError;
pub use password_hash::PasswordHash;
pub use pushed_request::PushedRequest;
pub use session::{Session, SessionId};
pub(crate) use shared_secret::SealedSecret;
pub use shared_secret::SharedSecret;
#[cfg(feature = "server")]
pub use signing_key::SigningKey;
pub use user::{StoredUser, User};
