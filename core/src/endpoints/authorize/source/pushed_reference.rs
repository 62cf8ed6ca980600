//! The reference of a pushed request (RFC 9126 section 2.2).

use crate::engine::Engine;
use crate::env::{Entropy, EntropyError};
use crate::model::PushedRequest;
use crate::protocol::{ErrorCode, OAuthError};
use crate::store::Change;
use crate::token::Digest;

/// What a reference begins with.
const PREFIX: &str = "urn:ietf:params:oauth:request_uri:";

/// The reference of a pushed request.
#[derive(Clone, Debug)]
pub(in crate::endpoints) struct PushedReference {
    /// The id of its row: the digest of the reference.
    row_id: String,
    /// The reference, as the client sends it.
    uri: Box<str>,
}

impl PushedReference {
    /// A new reference of 256 random bits.
    pub(super) fn new(entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        let (secret, digest) = Digest::new_secret(entropy)?;
        Ok(Self { row_id: digest.to_text(), uri: format!("{PREFIX}{}", secret.expose()).into() })
    }

    /// Reads a `request_uri`; `None` if it is one of another kind.
    pub(super) fn parse(uri: &str) -> Option<Self> {
        let secret = uri.strip_prefix(PREFIX)?;
        Some(Self { row_id: Digest::of_secret(secret).to_text(), uri: uri.into() })
    }

    /// The id of the row.
    pub(super) fn row_id(&self) -> &str {
        &self.row_id
    }

    /// The `request_uri`.
    pub(in crate::endpoints) fn uri(&self) -> &str {
        &self.uri
    }

    /// Uses the request up, for all processes of the store.
    ///
    /// # Errors
    /// `invalid_request_uri` if it has been used, or its time is over.
    pub(in super::super) async fn use_up(&self, engine: &Engine) -> Result<(), OAuthError> {
        let now = engine.clock.now();
        let take = |request: &PushedRequest| match now < request.expires {
            true => (Change::Remove, true),
            false => (Change::Keep, false),
        };
        match engine.store.change::<PushedRequest, bool>(&self.row_id, take).await? {
            Some((_, true)) => Ok(()),
            _ => Err(unknown()),
        }
    }
}

/// RFC 9101 section 7. Whether it never was, is of another client, has been used or has expired is nobody's business.
pub(super) fn unknown() -> OAuthError {
    OAuthError::new(
        ErrorCode::Custom("invalid_request_uri"),
        "request_uri is unknown, has expired, has been used, or is of another client",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_recognised_by_its_prefix_and_looked_up_by_its_digest() {
        let reference = PushedReference::parse("urn:ietf:params:oauth:request_uri:abc").unwrap();
        assert_eq!(reference.row_id, Digest::of_secret("abc").to_text());
        for other in [
            "",
            "urn:ietf:params:oauth:request_uri",
            "https://c.example/r",
            "URN:ietf:params:oauth:request_uri:a",
        ] {
            assert!(PushedReference::parse(other).is_none(), "{other}");
        }
    }
}
