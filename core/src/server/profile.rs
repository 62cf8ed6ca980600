use std::sync::Arc;

use crate::clients::MetadataDocuments;
use crate::grant::{AuthorizationPlan, AuthorizationRequest, Extension, Registry};
use crate::protocol::{Issuer, OAuthError};

/// A set of rules that a server keeps to, beside what its grants and settings say.
/// [`Builder::profile`](crate::Builder::profile) takes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Profile {
    /// No rules beside those of the grants and settings.
    #[default]
    Default,
    /// The authorization specification of the Model Context Protocol, 2026-07-28: every client uses PKCE with `S256`, and there is
    /// neither an implicit nor a password grant, whatever is registered.
    Mcp,
}

impl Profile {
    /// Which client metadata documents the profile takes, if it takes any.
    pub(super) fn documents(self, issuer: &Issuer) -> Option<MetadataDocuments> {
        match self {
            Self::Default => None,
            Self::Mcp if issuer.is_loopback => Some(MetadataDocuments::HttpsOrLoopback),
            Self::Mcp => Some(MetadataDocuments::Https),
        }
    }

    /// Takes away the grants that the profile forbids, and adds its rules to the others.
    pub(super) fn apply(self, grants: &mut Registry) {
        match self {
            Self::Default => {}
            Self::Mcp => {
                grants.retain(|grant| {
                    let exposes = |grant_type: &str| matches!(grant_type, "implicit" | "password");
                    let token = grant.token_side().is_some_and(|side| exposes(side.grant_type()));
                    let authorization =
                        grant.authorization_side().is_some_and(|side| side.grant_types().any(exposes));
                    !token && !authorization
                });
                let required: Arc<dyn Extension> = Arc::new(ChallengeRequired);
                grants.extend_all(&required);
            }
        }
    }
}

/// Every client sends a challenge. `Pkce` checks and keeps it.
struct ChallengeRequired;

impl Extension for ChallengeRequired {
    fn name(&self) -> &str {
        "challenge_required"
    }

    fn check_authorization(
        &self,
        request: &AuthorizationRequest,
        _plan: &mut AuthorizationPlan,
    ) -> Result<(), OAuthError> {
        match request.parameter("code_challenge") {
            Some(_) => Ok(()),
            None => Err(OAuthError::invalid_request("code_challenge is missing")),
        }
    }
}
