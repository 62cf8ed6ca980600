//! The ID token that names the user whom the request is about (OpenID Connect Core section 3.1.2.1).

use super::draft::ValidRequest;
use crate::engine::Engine;
use crate::openid::IdTokenHint;
use crate::protocol::OAuthError;

/// Believes the hint if it is an ID token of this server. It may have expired, and may have been issued to another client.
pub(super) async fn believe(engine: &Engine, valid: &mut ValidRequest<'_>) -> Result<(), OAuthError> {
    let Some(hint) = valid.plan.id_token_hint.take() else { return Ok(()) };
    let hint = IdTokenHint::read(engine, &hint).await?;
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
