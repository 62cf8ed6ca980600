//! Proof Key for Code Exchange (RFC 7636): challenges and verifiers. Only `S256`: with `plain`, whoever sees the
//! authorization request knows the verifier.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// A code challenge made with `S256`: the SHA-256 digest of the verifier (RFC 7636 section 4.2).
///
/// ```
/// use gridauth::protocol::pkce::CodeChallenge;
///
/// let challenge = CodeChallenge::parse("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM").unwrap();
/// assert!(challenge.matches("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"));
/// assert!(!challenge.matches("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXl"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeChallenge([u8; 32]);

impl CodeChallenge {
    /// Parses a challenge: 43 characters of base64url that decode to a SHA-256 digest.
    pub fn parse(text: &str) -> Option<Self> {
        URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok().map(Self)
    }

    /// Whether the challenge was made from this verifier. A malformed verifier (RFC 7636 section 4.1) never matches.
    pub fn matches(&self, verifier: &str) -> bool {
        is_verifier(verifier) && bool::from(Sha256::digest(verifier.as_bytes()).as_slice().ct_eq(&self.0))
    }

    /// The challenge in base64url.
    pub fn to_text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }
}

/// Whether the text is a well-formed verifier: 43 to 128 unreserved characters (RFC 7636 section 4.1).
pub fn is_verifier(text: &str) -> bool {
    (43..=128).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_challenge_has_43_characters() {
        for bad in [
            "",
            "abc",
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM=",
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cN",
        ] {
            assert_eq!(CodeChallenge::parse(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn a_challenge_matches_only_its_own_verifier(verifier in "[A-Za-z0-9._~-]{43,128}", other in ".{0,130}") {
            let digest: [u8; 32] = Sha256::digest(verifier.as_bytes()).into();
            let challenge = CodeChallenge::parse(&URL_SAFE_NO_PAD.encode(digest)).unwrap();
            prop_assert!(challenge.matches(&verifier));
            prop_assert!(verifier == other || !challenge.matches(&other));
        }
    }
}
