use async_trait::async_trait;
use serde_json::{Map, Value};

use super::Extension;
use crate::grant::TokenDraft;
use crate::model::{AccessTokenFormat, Client};
use crate::protocol::OAuthError;

/// The claims that an application adds to access tokens that are JSON Web Tokens.
#[derive(Default)]
pub(crate) struct AccessTokenClaims {
    /// The same in every token.
    pub(crate) fixed: Map<String, Value>,
    /// Made for each token.
    pub(crate) made: Vec<MakeClaims>,
    /// What access tokens usually are.
    pub(crate) usual_format: AccessTokenFormat,
}

pub(crate) type MakeClaims = Box<dyn Fn(&TokenDraft<'_>) -> Map<String, Value> + Send + Sync>;

impl AccessTokenClaims {
    pub(crate) fn is_empty(&self) -> bool {
        self.fixed.is_empty() && self.made.is_empty()
    }
}

#[async_trait]
impl Extension for AccessTokenClaims {
    fn name(&self) -> &str {
        "access_token_claims"
    }

    fn prepares_tokens(&self, client: &Client) -> bool {
        client.access_token_format().unwrap_or(self.usual_format) == AccessTokenFormat::Jwt
    }

    async fn prepare_token(&self, draft: &mut TokenDraft<'_>) -> Result<(), OAuthError> {
        let made: Vec<Map<String, Value>> = self.made.iter().map(|make| make(draft)).collect();
        for (name, value) in std::iter::once(self.fixed.clone()).chain(made).flatten() {
            draft.add_claim(name, value);
        }
        Ok(())
    }
}
