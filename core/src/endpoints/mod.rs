//! The built-in endpoints.

mod account;
mod authorize;
mod authorize_challenge;
mod client_logo;
mod device;
mod end_session;
mod form;
mod interaction;
mod introspect;
mod jwks;
mod metadata;
mod par;
mod revoke;
mod sign_in;
mod sign_out;
mod token;
mod userinfo;

pub(crate) use account::{Account, account_path, own_sign_in};
pub(crate) use authorize::Authorize;
pub(crate) use authorize_challenge::AuthorizeChallenge;
pub(crate) use client_logo::{ClientLogo, logo_path};
pub(crate) use device::{DeviceAuthorizationEndpoint, DevicePage};
pub(crate) use end_session::EndSession;
pub(crate) use interaction::{Interaction, client_info, consent_texts};
pub(crate) use introspect::Introspect;
pub(crate) use jwks::Jwks;
pub(crate) use metadata::MetadataDocument;
pub(crate) use par::Par;
pub(crate) use revoke::Revoke;
pub(crate) use token::Token;
pub(crate) use userinfo::UserInfo;
