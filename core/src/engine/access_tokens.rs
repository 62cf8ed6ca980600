use crate::jose::Algorithm;
use crate::model::{AccessTokenFormat, Client};

use super::Engine;

/// What access tokens are like, unless a client has it differently.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AccessTokens {
    pub(crate) format: AccessTokenFormat,
    /// The algorithm of those that are signed.
    pub(crate) algorithm: Algorithm,
}

impl Engine {
    /// Whether this client's access tokens are JSON Web Tokens.
    pub(crate) fn is_jwt(&self, client: &Client) -> bool {
        client.access_token_format().unwrap_or(self.access_tokens.format) == AccessTokenFormat::Jwt
    }
}
