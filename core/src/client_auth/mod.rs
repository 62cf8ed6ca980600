//! Client authentication (RFC 6749 section 2.3): each method is a [`ClientAuthentication`], in its own file.
//!
//! An application adds a custom method with [`Builder::client_authentication`](crate::Builder::client_authentication).

mod assertion;
mod authenticator;
mod basic;
mod certificate_subject;
mod distinguished_name;
mod method;
mod none;
mod own_assertion;
mod post;
mod private_key_jwt;
mod secret;
mod secret_jwt;
mod self_signed_tls_client_auth;
mod tls_client_auth;

pub(crate) use assertion::{
    AUTHORIZATION_GRANT, Claims, Purpose, Texts, Unacceptable, authorization_assertion, foreign_token,
    no_grant, use_up,
};
pub use authenticator::AuthenticatedClient;
pub(crate) use authenticator::ClientAuthenticator;
pub use basic::ClientSecretBasic;
pub(crate) use certificate_subject::RegisteredSubject;
pub use method::{ClientAuthentication, ClientRequest, PresentedCredentials};
pub use none::NoAuthentication;
pub use post::ClientSecretPost;
pub use private_key_jwt::PrivateKeyJwt;
pub use secret_jwt::ClientSecretJwt;
pub use self_signed_tls_client_auth::SelfSignedTlsClientAuth;
pub use tls_client_auth::TlsClientAuth;
