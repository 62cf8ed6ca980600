use async_trait::async_trait;

use super::{Grant, Issued, NewGrant, TokenIssuer, TokenRequest, TokenSide};
use crate::model::AuthMethod;
use crate::protocol::OAuthError;

/// The resource owner password credentials grant (RFC 6749 section 4.3). The client sees the password, so it is only for
/// first-party clients. RFC 9700 section 2.4 forbids its use.
#[derive(Clone, Debug)]
pub struct Password {
    methods: Vec<AuthMethod>,
}

impl Password {
    /// For clients that authenticate with `client_secret_basic`, `client_secret_jwt` or `private_key_jwt`.
    pub fn new() -> Self {
        Self { methods: vec![AuthMethod::Basic, AuthMethod::SecretJwt, AuthMethod::PrivateKeyJwt] }
    }

    /// Sets the accepted client authentication methods.
    #[must_use]
    pub fn client_authentication(mut self, methods: impl IntoIterator<Item = AuthMethod>) -> Self {
        self.methods = methods.into_iter().collect();
        self
    }
}

impl Default for Password {
    fn default() -> Self {
        Self::new()
    }
}

impl Grant for Password {
    fn token_side(&self) -> Option<&dyn TokenSide> {
        Some(self)
    }

    fn warning(&self) -> Option<&str> {
        Some("the password grant exposes passwords to clients: RFC 9700 section 2.4 forbids its use")
    }
}

#[async_trait]
impl TokenSide for Password {
    fn grant_type(&self) -> &str {
        "password"
    }

    fn client_authentication(&self) -> &[AuthMethod] {
        &self.methods
    }

    async fn respond(
        &self,
        request: &TokenRequest<'_>,
        issuer: &TokenIssuer<'_>,
    ) -> Result<Issued, OAuthError> {
        let username = request.required("username")?;
        let password = request.required("password")?;
        let scope = request.scope()?;
        let signed_in = request.check_password(username, password).await?;
        issuer.issue(NewGrant::for_signed_in(&signed_in, scope)).await
    }
}
