use super::TokenResponse;
use crate::token::Secret;

/// The parameters of a successful authorization response (RFC 6749 sections 4.1.2 and 4.2.2). The server adds `state` and `iss`.
#[derive(Debug, Default)]
pub struct AuthorizationResponse(Vec<(String, Secret)>);

impl AuthorizationResponse {
    /// A response without parameters.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a parameter.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.push((name.into(), Secret::from(value.into())));
        self
    }

    /// Adds a token response as RFC 6749 section 4.2.2 has it: without a refresh token. What extensions add does not replace what
    /// is there already.
    #[must_use]
    pub(super) fn with_tokens(self, tokens: &TokenResponse) -> Self {
        let mut answer = self
            .with("access_token", tokens.access_token.expose())
            .with("token_type", tokens.token_type.as_str())
            .with("expires_in", tokens.expires_in.to_string());
        if !tokens.scope.is_empty() {
            answer = answer.with("scope", &tokens.scope);
        }
        for (name, value) in tokens.extra() {
            if answer.iter().all(|(own, _)| own != name) {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                answer = answer.with(name, text);
            }
        }
        answer
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.expose()))
    }
}
