//! The built-in endpoints.

mod authorize;
mod interaction;
mod introspect;
mod jwks;
mod metadata;
mod revoke;
mod token;
mod userinfo;

pub(crate) use authorize::Authorize;
pub(crate) use interaction::Interaction;
pub(crate) use introspect::Introspect;
pub(crate) use jwks::Jwks;
pub(crate) use metadata::MetadataDocument;
pub(crate) use revoke::Revoke;
pub(crate) use token::Token;
pub(crate) use userinfo::UserInfo;
