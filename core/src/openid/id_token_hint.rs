//! ID tokens that come back as a hint (OpenID Connect Core section 3.1.2.1, RP-Initiated Logout section 2).

use serde::Deserialize;

use crate::engine::Engine;
use crate::jose::Jws;
use crate::protocol::OAuthError;

/// What an ID token of this server says. It may have expired.
#[derive(Deserialize)]
pub(crate) struct IdTokenHint {
    iss: String,
    pub(crate) sub: String,
    /// The client that it was issued to.
    pub(crate) aud: String,
    /// Every ID token has it. Signed answers of the UserInfo endpoint have the same type and no expiry.
    #[serde(rename = "exp")]
    _exp: i64,
    /// The session, if there was one.
    pub(crate) sid: Option<String>,
}

impl IdTokenHint {
    /// Reads a hint.
    ///
    /// # Errors
    /// `invalid_request` if it is not an ID token that this server has signed, with a key that was not withdrawn since. Status 503 if
    /// the keys cannot be determined now.
    pub(crate) async fn read(engine: &Engine, hint: &str) -> Result<Self, OAuthError> {
        let refused = || OAuthError::invalid_request("id_token_hint is not an ID token of this server");
        let keys = engine.keys.as_ref().ok_or_else(refused)?;
        let jws = Jws::parse(hint).map_err(|_| refused())?;
        let is_signed = keys.verifying(engine.clock.now()).await?.signer_of(&jws).is_some();
        let hint: Self = jws.claims().filter(|_| is_signed).ok_or_else(refused)?;
        // An access token has the same issuer and keys, and another type.
        if hint.iss != engine.issuer() || !jws.is_of_type("JWT") {
            return Err(refused());
        }
        Ok(hint)
    }
}
