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

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.expose()))
    }
}
