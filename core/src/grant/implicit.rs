use async_trait::async_trait;

use super::{ApprovedAuthorization, AuthorizationResponse, AuthorizationSide, Grant, NewGrant, TokenIssuer};
use crate::model::AuthMethod;
use crate::protocol::{OAuthError, ResponseMode};

/// The implicit grant (RFC 6749 section 4.2): the access token is in the redirect URI. RFC 9700 section 2.1.2 advises against
/// it. Use the authorization code grant with PKCE for the same clients.
///
/// ```
/// use gridauth::grant::Implicit;
/// use gridauth::model::AuthMethod;
///
/// let usual = Implicit::new(); // public clients
/// let more = Implicit::new().client_authentication([AuthMethod::None, AuthMethod::Basic]);
/// ```
#[derive(Clone, Debug)]
pub struct Implicit {
    methods: Vec<AuthMethod>,
}

impl Implicit {
    /// For public clients. Clients do not authenticate in this grant, so a confidential client would get a token without
    /// presenting its secret.
    pub fn new() -> Self {
        Self { methods: vec![AuthMethod::None] }
    }

    /// Sets the methods of the clients that may use it.
    #[must_use]
    pub fn client_authentication(mut self, methods: impl IntoIterator<Item = AuthMethod>) -> Self {
        self.methods = methods.into_iter().collect();
        self
    }
}

impl Default for Implicit {
    fn default() -> Self {
        Self::new()
    }
}

impl Grant for Implicit {
    fn authorization_side(&self) -> Option<&dyn AuthorizationSide> {
        Some(self)
    }

    fn warning(&self) -> Option<&str> {
        Some(
            "the implicit grant exposes tokens to the browser's history and to scripts: RFC 9700 section 2.1.2 advises against it",
        )
    }
}

#[async_trait]
impl AuthorizationSide for Implicit {
    fn response_type(&self) -> &str {
        "token"
    }

    fn grant_type(&self) -> &str {
        "implicit"
    }

    fn client_authentication(&self) -> Option<&[AuthMethod]> {
        Some(&self.methods)
    }

    fn default_response_mode(&self) -> ResponseMode {
        ResponseMode::Fragment
    }

    async fn respond(
        &self,
        approved: &ApprovedAuthorization<'_>,
        issuer: &TokenIssuer<'_>,
    ) -> Result<AuthorizationResponse, OAuthError> {
        // RFC 6749 section 4.2.2: never a refresh token.
        let grant = NewGrant::for_signed_in(approved.authentication(), approved.scope().clone())
            .with_resources(approved.resources())
            .without_refresh_token();
        let issued = issuer.issue(grant).await?;
        Ok(AuthorizationResponse::new().with_tokens(issued.response()))
    }
}
