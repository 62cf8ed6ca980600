use serde_json::Value;

use super::Extension;
use crate::endpoint::Metadata;
use crate::grant::{AuthorizationPlan, AuthorizationRequest, TokenRequest};
use crate::model::GrantData;
use crate::protocol::OAuthError;
use crate::protocol::pkce::CodeChallenge;

/// Proof Key for Code Exchange (RFC 7636) with `S256`. [`AuthorizationCode`](crate::grant::AuthorizationCode) includes
/// it. By default public clients must use it; it is verified for every client that uses it.
#[derive(Clone, Copy, Debug)]
pub struct Pkce {
    required_of_all: bool,
}

const KEPT: &str = "pkce";

impl Pkce {
    /// Public clients must use it (RFC 9700 section 2.1.1); confidential clients may.
    pub const fn required_of_public_clients() -> Self {
        Self { required_of_all: false }
    }

    /// Every client must use it.
    pub const fn required() -> Self {
        Self { required_of_all: true }
    }
}

impl Extension for Pkce {
    fn name(&self) -> &str {
        KEPT
    }

    fn check_authorization(
        &self,
        request: &AuthorizationRequest,
        plan: &mut AuthorizationPlan,
    ) -> Result<(), OAuthError> {
        let method = request.parameter("code_challenge_method");
        let Some(challenge) = request.parameter("code_challenge") else {
            // A client that sends only the method believes that it is protected.
            return if method.is_some() || self.required_of_all || request.client().is_public() {
                Err(OAuthError::invalid_request("code_challenge is missing"))
            } else {
                Ok(())
            };
        };
        // RFC 7636 section 4.3: the default method is plain.
        if method != Some("S256") {
            return Err(OAuthError::invalid_request("code_challenge_method must be S256"));
        }
        let challenge = CodeChallenge::parse(challenge).ok_or_else(|| {
            OAuthError::invalid_request("code_challenge is not a SHA-256 digest in base64url")
        })?;
        plan.keep(KEPT, Value::String(challenge.to_text()));
        Ok(())
    }

    fn check_token(&self, request: &TokenRequest<'_>, kept: &GrantData) -> Result<(), OAuthError> {
        // The verifier was checked when the code was redeemed.
        if request.grant_type() == "refresh_token" {
            return Ok(());
        }
        let challenge = kept.get(KEPT).and_then(Value::as_str).and_then(CodeChallenge::parse);
        match (challenge, request.parameter("code_verifier")) {
            (None, None) => Ok(()),
            // RFC 9700 section 2.1.1: a verifier without a challenge means that an attacker removed the challenge.
            (None, Some(_)) => {
                Err(OAuthError::invalid_grant("the authorization request had no code_challenge"))
            }
            (Some(_), None) => Err(OAuthError::invalid_grant("code_verifier is missing")),
            (Some(challenge), Some(verifier)) if challenge.matches(verifier) => Ok(()),
            (Some(_), Some(_)) => Err(OAuthError::invalid_grant("code_verifier does not fit")),
        }
    }

    fn describe(&self, metadata: &mut Metadata) {
        metadata.add("code_challenge_methods_supported", ["S256"]);
    }
}
