//! The ID token that names the user whom the request is about (OpenID Connect Core section 3.1.2.1).

use serde::Deserialize;

use super::draft::ValidRequest;
use crate::engine::Engine;
use crate::jose::Jws;
use crate::protocol::OAuthError;

#[derive(Deserialize)]
struct Hint {
    iss: String,
    sub: String,
}

/// Believes the hint if it is an ID token of this server. It may have expired, and may have been issued to another client.
pub(super) async fn believe(engine: &Engine, valid: &mut ValidRequest<'_>) -> Result<(), OAuthError> {
    let Some(hint) = valid.plan.id_token_hint.take() else { return Ok(()) };
    let refused = || OAuthError::invalid_request("id_token_hint is not an ID token of this server");
    let keys = engine.keys.as_ref().ok_or_else(refused)?;
    let jws = Jws::parse(&hint).map_err(|_| refused())?;
    let is_signed = keys.verifying(engine.clock.now()).await?.signer_of(&jws).is_some();
    let hint: Hint = jws.claims().filter(|_| is_signed).ok_or_else(refused)?;
    // An access token has the same issuer and keys, and another type.
    if hint.iss != engine.issuer() || !jws.is_of_type("JWT") {
        return Err(refused());
    }
    match &valid.plan.subject {
        Some(other) if *other != hint.sub => {
            Err(OAuthError::invalid_request("id_token_hint and claims are about different users"))
        }
        _ => {
            valid.plan.subject = Some(hint.sub);
            Ok(())
        }
    }
}
