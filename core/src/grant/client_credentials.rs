use async_trait::async_trait;

use super::{Grant, Issued, NewGrant, TokenIssuer, TokenRequest, TokenSide};
use crate::model::AuthMethod;
use crate::protocol::OAuthError;

/// The client credentials grant (RFC 6749 section 4.4): the client acts for itself, and gets no refresh token.
#[derive(Clone, Debug)]
pub struct ClientCredentials {
    methods: Vec<AuthMethod>,
}

impl ClientCredentials {
    /// For clients that authenticate with `client_secret_basic`, `client_secret_jwt` or `private_key_jwt`.
    pub fn new() -> Self {
        Self { methods: vec![AuthMethod::Basic, AuthMethod::SecretJwt, AuthMethod::PrivateKeyJwt] }
    }

    /// Sets the accepted client authentication methods. `none` would give anybody a token, so `build()` rejects it.
    #[must_use]
    pub fn client_authentication(mut self, methods: impl IntoIterator<Item = AuthMethod>) -> Self {
        self.methods = methods.into_iter().collect();
        self
    }
}

impl Default for ClientCredentials {
    fn default() -> Self {
        Self::new()
    }
}

impl Grant for ClientCredentials {
    fn token_side(&self) -> Option<&dyn TokenSide> {
        Some(self)
    }
}

#[async_trait]
impl TokenSide for ClientCredentials {
    fn grant_type(&self) -> &str {
        "client_credentials"
    }

    fn client_authentication(&self) -> &[AuthMethod] {
        &self.methods
    }

    async fn respond(
        &self,
        request: &TokenRequest<'_>,
        issuer: &TokenIssuer<'_>,
    ) -> Result<Issued, OAuthError> {
        issuer.issue(NewGrant::for_client(request.scope()?)).await
    }
}
