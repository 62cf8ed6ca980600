use serde::{Deserialize, Serialize};

use crate::protocol::TokenType;

/// What a sender-constrained token is bound to: the one member of its `cnf` (RFC 7800 section 3.1).
///
/// A thief of a bound token cannot use it without the key. Both values are SHA-256 thumbprints in base64url.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Binding {
    /// The key of a DPoP proof (RFC 9449 section 6.1).
    #[serde(rename = "jkt")]
    Key(Box<str>),
    /// A client certificate (RFC 8705 section 3.1).
    #[serde(rename = "x5t#S256")]
    Certificate(Box<str>),
}

impl Binding {
    /// The type of a token with this binding: a certificate-bound token is still presented as `Bearer` (RFC 8705 section 3).
    pub fn token_type(&self) -> TokenType {
        match self {
            Self::Key(_) => TokenType::DPoP,
            Self::Certificate(_) => TokenType::Bearer,
        }
    }
}
