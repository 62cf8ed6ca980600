//! The built-in endpoints: each an ordered list of small checks.

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
