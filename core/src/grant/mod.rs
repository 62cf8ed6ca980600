//! Grants: the ways to get a token (RFC 6749 section 1.3). The server supports only the grants that are registered.
//!
//! A [`Grant`] has an authorization side, a token side, or both. It decides who gets a token and for what. The server does the
//! rest: client authentication, scope policy, storage and the response. The built-in grants use the same traits as custom ones.

mod approved_authorization;
mod authorization_code;
mod authorization_request;
mod authorization_response;
mod client_credentials;
mod device_code;
mod draft;
mod front_channel;
mod granted_scope;
mod implicit;
mod issue;
mod jwt;
mod jwt_bearer;
mod new_code;
mod new_grant;
mod password;
mod plan;
mod prepared;
mod refresh_token;
mod registry;
mod token_exchange;
mod token_issuer;
mod token_request;
mod token_response;
mod trusted_issuer;
mod validated_redirect;

pub mod extension;

pub use approved_authorization::ApprovedAuthorization;
pub use authorization_code::AuthorizationCode;
pub use authorization_request::AuthorizationRequest;
pub use authorization_response::AuthorizationResponse;
pub use client_credentials::ClientCredentials;
pub use device_code::{DeviceCode, DeviceSettings};
pub use draft::TokenDraft;
pub use extension::Extension;
pub use granted_scope::GrantedScope;
pub use implicit::Implicit;
pub use jwt_bearer::JwtBearer;
pub use new_grant::NewGrant;
pub use password::Password;
pub use plan::AuthorizationPlan;
pub use refresh_token::RefreshToken;
pub use registry::{GrantExt, IntoRegistration, Registration};
pub use token_exchange::{Exchange, Party, TokenExchange};
pub use token_issuer::TokenIssuer;
pub use token_request::TokenRequest;
pub use token_response::{Issued, TokenResponse};
pub use trusted_issuer::TrustedIssuer;
pub use validated_redirect::ValidatedRedirect;

pub(crate) use device_code::DEVICE_CODE;
pub(crate) use issue::issue_minted;
pub(crate) use jwt::RESERVED_CLAIMS;
pub(crate) use registry::{Registered, Registry};
pub(crate) use token_exchange::TOKEN_EXCHANGE;

use std::sync::Arc;

use async_trait::async_trait;

use crate::endpoint::Endpoint;
use crate::model::{AuthMethod, Client};
use crate::protocol::{OAuthError, ResponseMode};

/// A way to get a token, registered with [`Builder::grant`](crate::Builder::grant).
pub trait Grant: Send + Sync + 'static {
    /// Its part at the token endpoint, if it has one.
    fn token_side(&self) -> Option<&dyn TokenSide> {
        None
    }

    /// Its part at the authorization endpoint, if it has one.
    fn authorization_side(&self) -> Option<&dyn AuthorizationSide> {
        None
    }

    /// Its settings for the device authorization endpoint, if it redeems device codes (RFC 8628).
    fn device_settings(&self) -> Option<DeviceSettings> {
        None
    }

    /// Extensions that it has by default.
    fn extensions(&self) -> Vec<Arc<dyn Extension>> {
        Vec::new()
    }

    /// Additional endpoints, mounted with the server's.
    fn endpoints(&self) -> Vec<Arc<dyn Endpoint>> {
        Vec::new()
    }

    /// A warning that is logged when a server is built with it: why it should not be used.
    fn warning(&self) -> Option<&str> {
        None
    }
}

/// The part of a grant that handles token requests (RFC 6749 section 3.2).
///
/// ```
/// use gridauth::grant::{Grant, Issued, NewGrant, TokenIssuer, TokenRequest, TokenSide};
/// use gridauth::model::AuthMethod;
/// use gridauth::protocol::OAuthError;
///
/// /// Issues a token in exchange for a ticket.
/// struct Ticket;
///
/// #[gridauth::async_trait]
/// impl TokenSide for Ticket {
///     fn grant_type(&self) -> &str {
///         "urn:example:ticket"
///     }
///
///     fn client_authentication(&self) -> &[AuthMethod] {
///         &[AuthMethod::Basic]
///     }
///
///     async fn respond(
///         &self,
///         request: &TokenRequest<'_>,
///         issuer: &TokenIssuer<'_>,
///     ) -> Result<Issued, OAuthError> {
///         let holder = match request.required("ticket")? {
///             "A-113" => "israel",
///             _ => return Err(OAuthError::invalid_grant("the ticket is not valid")),
///         };
///         issuer.issue(NewGrant::for_user(holder, request.scope()?)).await
///     }
/// }
///
/// impl Grant for Ticket {
///     fn token_side(&self) -> Option<&dyn TokenSide> {
///         Some(self)
///     }
/// }
/// ```
#[async_trait]
pub trait TokenSide: Send + Sync {
    /// The value of `grant_type` that it handles. For a custom grant it is an absolute URI (RFC 6749 section 4.5).
    fn grant_type(&self) -> &str;

    /// The client authentication methods that it accepts.
    fn client_authentication(&self) -> &[AuthMethod];

    /// Responds to a token request of a client that has authenticated and may use this grant type.
    ///
    /// # Errors
    /// An [`OAuthError`] of RFC 6749 section 5.2: [`OAuthError::invalid_grant`] if what the client presents is not valid.
    async fn respond(
        &self,
        request: &TokenRequest<'_>,
        issuer: &TokenIssuer<'_>,
    ) -> Result<Issued, OAuthError>;
}

/// The part of a grant that handles authorization requests (RFC 6749 section 3.1).
#[async_trait]
pub trait AuthorizationSide: Send + Sync {
    /// The value of `response_type` that it handles. The order of its words does not matter in a request.
    fn response_type(&self) -> &str;

    /// The grant type that a client must be registered for. It is stored in the grant's row.
    fn grant_type(&self) -> &str;

    /// The grant types that a client must be registered for besides [`grant_type`](Self::grant_type). A response type that returns
    /// a code and a token needs two (OpenID Connect Dynamic Client Registration section 2).
    fn further_grant_types(&self) -> &[&str] {
        &[]
    }

    /// The methods of the clients that may use it, whatever the token side of the grant accepts. `None`, the default, allows
    /// clients with any method that the server has.
    ///
    /// Clients do not authenticate at the authorization endpoint. A side that issues a token there, without a token request,
    /// should allow only [`AuthMethod::None`]: otherwise a confidential client gets a token without presenting its secret.
    fn client_authentication(&self) -> Option<&[AuthMethod]> {
        None
    }

    /// The response mode if the client requests none. If the response contains a token, this must be
    /// [`ResponseMode::Fragment`]; the client then cannot request the query.
    fn default_response_mode(&self) -> ResponseMode {
        ResponseMode::Query
    }

    /// Responds to a valid request that the resource owner has approved.
    ///
    /// # Errors
    /// An [`OAuthError`] of RFC 6749 section 4.1.2.1. It is sent to the client's redirect URI.
    async fn respond(
        &self,
        approved: &ApprovedAuthorization<'_>,
        issuer: &TokenIssuer<'_>,
    ) -> Result<AuthorizationResponse, OAuthError>;
}

impl dyn AuthorizationSide + '_ {
    /// All grant types that a client must be registered for.
    pub(crate) fn grant_types(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.grant_type()).chain(self.further_grant_types().iter().copied())
    }

    /// Whether the client is registered for the response type and for the grant types that it needs.
    pub(crate) fn is_open_to(&self, client: &Client) -> bool {
        client.allows_response_type(self.response_type())
            && self.grant_types().all(|grant_type| client.allows_grant(grant_type))
    }
}
