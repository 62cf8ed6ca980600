use serde_json::Value;

use super::Extension;
use crate::grant::{AuthorizationPlan, AuthorizationRequest, TokenRequest};
use crate::model::GrantData;
use crate::protocol::OAuthError;
use crate::token::Binding;

/// Tokens that are bound to a key (RFC 9449) or a certificate (RFC 8705). Every server has it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SenderConstraint;

/// The parameter with the thumbprint of the key that has to redeem the code (RFC 9449 section 10).
const DPOP_JKT: &str = "dpop_jkt";

impl Extension for SenderConstraint {
    fn name(&self) -> &str {
        DPOP_JKT
    }

    fn check_authorization(
        &self,
        request: &AuthorizationRequest,
        plan: &mut AuthorizationPlan,
    ) -> Result<(), OAuthError> {
        let response_type = request.parameter("response_type").unwrap_or_default();
        let client = request.client();
        if (client.needs_dpop() || client.needs_certificate())
            && response_type.split(' ').any(|word| word == "token")
        {
            return Err(OAuthError::invalid_request(
                "the client gets bound tokens only, and an authorization request proves possession of nothing",
            ));
        }
        if let Some(thumbprint) = request.parameter(DPOP_JKT) {
            if !is_thumbprint(thumbprint) {
                return Err(OAuthError::invalid_request("dpop_jkt is not a SHA-256 thumbprint in base64url"));
            }
            plan.keep(DPOP_JKT, thumbprint.into());
        }
        Ok(())
    }

    fn check_token(&self, request: &TokenRequest<'_>, kept: &GrantData) -> Result<(), OAuthError> {
        // The key was checked when the code was redeemed.
        if request.grant_type() == "refresh_token" {
            return Ok(());
        }
        match (kept.get(DPOP_JKT).and_then(Value::as_str), request.binding()) {
            (None, _) => Ok(()),
            (Some(bound), Some(Binding::Key(key))) if bound == &**key => Ok(()),
            _ => Err(OAuthError::invalid_grant("the code is bound to another key, by dpop_jkt")),
        }
    }
}

fn is_thumbprint(text: &str) -> bool {
    text.len() == 43 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}
