//! The values of OAuth: scopes, errors, parameters, redirect URIs, response modes, PKCE. No I/O, no async.

pub(crate) mod error;
mod issuer;
mod parameters;
mod redirect_uri;
mod resource;
mod response_mode;
mod response_type;
mod return_path;
mod scope;
mod token_type;

pub mod pkce;

pub use error::{ErrorCode, OAuthError};
pub(crate) use issuer::{Issuer, is_plain_path};
pub use parameters::{ParameterError, Parameters};
pub(crate) use parameters::{decode as decode_form_value, has_control};
pub use redirect_uri::{RedirectUri, RedirectUriError};
pub(crate) use redirect_uri::{origin_of, with_parameters};
pub(crate) use resource::ResourceId;
pub use response_mode::ResponseMode;
pub(crate) use response_type::{is_same_response_type, returns_token};
pub use return_path::ReturnPath;
pub use scope::{Scope, ScopeError};
pub use token_type::TokenType;
