//! The built-in endpoints.

mod authorize;
mod interaction;
mod introspect;
mod metadata;
mod revoke;
mod token;

pub(crate) use authorize::Authorize;
pub(crate) use interaction::Interaction;
pub(crate) use introspect::Introspect;
pub(crate) use metadata::MetadataDocument;
pub(crate) use revoke::Revoke;
pub(crate) use token::Token;
