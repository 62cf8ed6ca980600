use std::error::Error;

use async_trait::async_trait;

use super::AccessClaims;

/// Checks access tokens without the issuer's store: by a signature, by introspection at the issuer, or in any other way.
///
/// ```
/// use gridauth::env::Timestamp;
/// use gridauth::guard::{AccessClaims, Guard, TokenVerifier, VerifierError};
/// use gridauth::http::BearerToken;
///
/// /// Accepts one token.
/// struct OneToken;
///
/// #[gridauth::async_trait]
/// impl TokenVerifier for OneToken {
///     async fn verify(&self, token: &str) -> Result<Option<AccessClaims>, VerifierError> {
///         let claims = AccessClaims::for_client("robot", Timestamp::from_millis(i64::MAX));
///         Ok((token == "A-113").then_some(claims))
///     }
/// }
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let guard = Guard::builder("https://id.example.com").verifier(OneToken).build()?;
/// assert_eq!(guard.authenticate(&BearerToken::new("A-113")).await?.client(), "robot");
/// assert!(guard.authenticate(&BearerToken::new("A-114")).await.is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
#[async_trait]
pub trait TokenVerifier: Send + Sync + 'static {
    /// The claims of the token. `None` if the token is not valid for this guard: malformed, revoked, or for another resource.
    /// The guard checks the expiry itself.
    ///
    /// # Errors
    /// [`VerifierError`] if the token cannot be verified at the moment. The response then has status 503, not 401.
    async fn verify(&self, token: &str) -> Result<Option<AccessClaims>, VerifierError>;
}

/// The token cannot be verified at the moment.
#[derive(Debug, thiserror::Error)]
#[error("the token cannot be verified at the moment")]
pub struct VerifierError(#[source] Box<dyn Error + Send + Sync>);

impl VerifierError {
    /// An error with this cause. The cause is logged, so it must not contain a secret.
    pub fn new(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(cause.into())
    }
}
