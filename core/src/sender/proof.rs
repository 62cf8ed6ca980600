use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::PublicUrls;
use crate::env::Timestamp;
use crate::jose::{Algorithm, Jws, JwsError, NumericDate, present};

/// A DPoP proof (RFC 9449 section 4.2) whose signature is that of the key in it. It says nothing yet about the request that it came
/// with.
#[derive(Debug)]
pub(crate) struct Proof {
    thumbprint: String,
    claims: Claims,
}

/// A claim that is there twice, or of another type, makes a proof unreadable.
#[derive(Debug, Deserialize)]
struct Claims {
    jti: String,
    htm: String,
    htu: String,
    iat: NumericDate,
    #[serde(default, deserialize_with = "present")]
    nbf: Option<NumericDate>,
    #[serde(default, deserialize_with = "present")]
    exp: Option<NumericDate>,
    #[serde(default, deserialize_with = "present")]
    nonce: Option<String>,
    #[serde(default, deserialize_with = "present")]
    ath: Option<String>,
}

/// The request that a proof has to be for.
pub(crate) struct Expected<'a> {
    pub(crate) method: &'a str,
    /// The path of the request, as sent.
    pub(crate) path: &'a str,
    pub(crate) urls: &'a PublicUrls,
    /// The access token, where one is shown with the proof.
    pub(crate) access_token: Option<&'a str>,
    /// Until when the nonce of the proof is valid, if it has a valid one. Then the clock of the client does not matter.
    pub(crate) nonce_expires: Option<Timestamp>,
    pub(crate) now: Timestamp,
}

/// A proof that is right for its request. It may have been shown before.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct VerifiedProof {
    /// The thumbprint of the key, which tokens are bound to (RFC 9449 section 6.1).
    pub(crate) thumbprint: String,
    /// The id of the proof.
    pub(crate) jti: String,
    /// Until when it could be shown again.
    pub(crate) expires: Timestamp,
}

/// What is wrong with a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ProofError {
    #[error("there is no DPoP header")]
    Missing,
    #[error("there is more than one DPoP header")]
    Repeated,
    #[error("the DPoP header is not text, or longer than 8 kB")]
    Unreadable,
    #[error("{0}")]
    Jws(#[from] JwsError),
    #[error("the typ of the proof is not dpop+jwt")]
    Type,
    #[error("the proof is not signed with an algorithm that the server takes")]
    Algorithm,
    #[error("the proof is not signed by the key in its header")]
    Signature,
    #[error("the proof lacks one of jti, htm, htu and iat, or a claim is there twice or has the wrong type")]
    Claims,
    #[error("the htm of the proof is not the method of the request")]
    Method,
    #[error("the htu of the proof is not the URL of the request")]
    Url,
    #[error("the proof was made too long ago, or is not valid yet")]
    Time,
    #[error("the ath of the proof is not the hash of the access token")]
    AccessToken,
    #[error("the proof has been used")]
    Used,
}

impl Proof {
    /// The longest proof, in bytes. One with an RSA key of 8192 bits is half as long.
    const MAX_LENGTH: usize = 8 * 1024;
    /// How long after it was made a proof is taken, by a clock that is right.
    const LONGEST: Duration = Duration::from_secs(60);
    /// How far the clock of a client may be behind.
    const BEHIND: Duration = Duration::from_secs(30);
    /// How far the clock of a client may be ahead.
    const AHEAD: Duration = Duration::from_secs(60);

    /// Reads the proof in the `DPoP` headers of a request and verifies its signature.
    ///
    /// # Errors
    /// [`ProofError`] says what is wrong with it.
    pub(crate) fn read<'h>(
        values: impl IntoIterator<Item = &'h [u8]>,
        algorithms: &[Algorithm],
    ) -> Result<Self, ProofError> {
        let mut values = values.into_iter();
        let value = values.next().ok_or(ProofError::Missing)?;
        if values.next().is_some() {
            return Err(ProofError::Repeated);
        }
        let text = std::str::from_utf8(value).ok().filter(|text| text.len() <= Self::MAX_LENGTH);
        let (jws, key) = Jws::parse_proof(text.ok_or(ProofError::Unreadable)?)?;
        if !jws.is_of_type("dpop+jwt") {
            return Err(ProofError::Type);
        }
        if !algorithms.iter().any(|algorithm| algorithm.name() == jws.algorithm_name()) {
            return Err(ProofError::Algorithm);
        }
        let claims: Claims = jws.claims().ok_or(ProofError::Claims)?;
        if claims.jti.is_empty() {
            return Err(ProofError::Claims);
        }
        if !jws.is_signed_by(&key) {
            return Err(ProofError::Signature);
        }
        Ok(Self { thumbprint: key.thumbprint(), claims })
    }

    /// The nonce of the server that is in it.
    pub(crate) fn nonce(&self) -> Option<&str> {
        self.claims.nonce.as_deref()
    }

    /// Checks that the proof was made for this request, and lately (RFC 9449 section 4.3).
    ///
    /// # Errors
    /// [`ProofError`] says what is wrong with it.
    pub(crate) fn check(self, expected: &Expected<'_>) -> Result<VerifiedProof, ProofError> {
        let Claims { jti, htm, htu, ath, .. } = &self.claims;
        if htm != expected.method {
            return Err(ProofError::Method);
        }
        if !expected.urls.name(htu, expected.path) {
            return Err(ProofError::Url);
        }
        if let Some(token) = expected.access_token {
            let is_for_token = ath.as_ref().is_some_and(|ath| {
                let digest = URL_SAFE_NO_PAD.encode(Sha256::digest(token.as_bytes()));
                bool::from(digest.as_bytes().ct_eq(ath.as_bytes()))
            });
            if !is_for_token {
                return Err(ProofError::AccessToken);
            }
        }
        let expires = self.expires(expected)?;
        Ok(VerifiedProof { thumbprint: self.thumbprint, jti: jti.clone(), expires })
    }

    /// Until when the proof is taken, if it is taken now.
    fn expires(&self, expected: &Expected<'_>) -> Result<Timestamp, ProofError> {
        let now = expected.now;
        if let Some(expires) = expected.nonce_expires {
            return Ok(expires);
        }
        let moment = |date: NumericDate| Timestamp::from_millis(date.as_millis());
        let (made, latest) = (moment(self.claims.iat), now.after(Self::AHEAD));
        let expires = made.after(Self::LONGEST + Self::BEHIND);
        let is_fresh = made <= latest
            && now <= expires
            && self.claims.nbf.is_none_or(|begins| moment(begins) <= latest)
            && self.claims.exp.is_none_or(|ends| now < moment(ends).after(Self::BEHIND));
        is_fresh.then_some(expires).ok_or(ProofError::Time)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::jose::{PrivateKey, encode};
    use crate::protocol::Issuer;

    const NOW: i64 = 1_700_000_000;

    fn key() -> PrivateKey {
        PrivateKey::generate(Algorithm::Es256).unwrap()
    }

    fn claims() -> Value {
        json!({ "jti": "a", "htm": "GET", "htu": "https://id.example.com/notes", "iat": NOW })
    }

    fn signed(key: &PrivateKey, header: &Value, claims: &Value) -> String {
        let input = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
        format!("{input}.{}", encode(key.sign(input.as_bytes()).unwrap()))
    }

    fn header(key: &PrivateKey) -> Value {
        json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": key.public().to_jwk() })
    }

    fn read(proof: &str) -> Result<Proof, ProofError> {
        Proof::read([proof.as_bytes()], &Algorithm::ALL)
    }

    fn check(proof: &str, token: Option<&str>, now: i64) -> Result<VerifiedProof, ProofError> {
        let urls = PublicUrls::of_issuer(&Issuer::parse("https://id.example.com").unwrap(), false);
        read(proof)?.check(&Expected {
            method: "GET",
            path: "/notes",
            urls: &urls,
            access_token: token,
            nonce_expires: None,
            now: Timestamp::from_millis(now * 1000),
        })
    }

    #[test]
    fn a_proof_is_for_one_request() {
        let key = key();
        let proof = signed(&key, &header(&key), &claims());
        let verified = check(&proof, None, NOW).unwrap();
        assert_eq!((verified.thumbprint, &*verified.jti), (key.public().thumbprint(), "a"));
        for (name, value, error) in [
            ("htm", json!("POST"), ProofError::Method),
            ("htm", json!("get"), ProofError::Method),
            ("htu", json!("https://id.example.com/other"), ProofError::Url),
            ("htu", json!("https://other.example.com/notes"), ProofError::Url),
            ("jti", json!(""), ProofError::Claims),
            ("jti", json!(7), ProofError::Claims),
            ("jti", json!(null), ProofError::Claims),
            ("iat", json!("now"), ProofError::Claims),
            ("iat", json!(null), ProofError::Claims),
            ("nonce", json!(null), ProofError::Claims),
            ("nbf", json!(NOW + 61), ProofError::Time),
            ("exp", json!(NOW - 30), ProofError::Time),
        ] {
            let mut claims = claims();
            claims[name] = value.clone();
            let outcome = check(&signed(&key, &header(&key), &claims), None, NOW);
            assert_eq!(outcome, Err(error), "{name} {value}");
        }
        for name in ["jti", "htm", "htu", "iat"] {
            let mut claims = claims();
            claims.as_object_mut().unwrap().remove(name);
            assert_eq!(check(&signed(&key, &header(&key), &claims), None, NOW), Err(ProofError::Claims));
        }
    }

    #[test]
    fn the_key_and_the_algorithm_are_those_of_the_header_and_no_others() {
        let (key, other) = (key(), key());
        let with = |name: &str, value: Value| {
            let mut header = header(&key);
            header[name] = value;
            read(&signed(&key, &header, &claims())).map(drop).unwrap_err()
        };
        assert_eq!(with("typ", json!("JWT")), ProofError::Type);
        assert_eq!(with("alg", json!("none")), ProofError::Algorithm);
        assert_eq!(with("alg", json!("HS256")), ProofError::Algorithm);
        assert_eq!(with("alg", json!("EdDSA")), ProofError::Signature);
        assert_eq!(with("jwk", other.public().to_jwk()), ProofError::Signature);
        let mut private = key.public().to_jwk();
        private["d"] = json!("AAAA");
        assert!(matches!(with("jwk", private), ProofError::Jws(JwsError::Key(_))));
        let ed = PrivateKey::generate(Algorithm::EdDsa).unwrap();
        let header = json!({ "typ": "DPoP+jwt", "alg": "EdDSA", "jwk": ed.public().to_jwk() });
        let proof = signed(&ed, &header, &claims());
        assert!(read(&proof).is_ok());
        assert_eq!(
            Proof::read([proof.as_bytes()], &[Algorithm::Es256]).map(drop),
            Err(ProofError::Algorithm)
        );
        assert_eq!(
            Proof::read([proof.as_bytes(), proof.as_bytes()], &Algorithm::ALL).map(drop),
            Err(ProofError::Repeated)
        );
        assert_eq!(Proof::read([], &Algorithm::ALL).map(drop), Err(ProofError::Missing));
        assert_eq!(read(&"a".repeat(100_000)).map(drop), Err(ProofError::Unreadable));
    }

    #[test]
    fn clocks_may_differ_a_little() {
        let key = key();
        let proof = signed(&key, &header(&key), &claims());
        for (now, is_taken) in [
            (NOW - 61, false),
            (NOW - 60, true),
            (NOW + 90, true),
            (NOW + 91, false),
            (NOW + 3600, false),
            (0, false),
        ] {
            assert_eq!(check(&proof, None, now).is_ok(), is_taken, "{}", now - NOW);
        }
        let verified = check(&proof, None, NOW - 60).unwrap();
        assert_eq!(verified.expires, Timestamp::from_millis((NOW + 90) * 1000));
    }

    #[test]
    fn the_proof_names_the_token_that_it_comes_with() {
        let key = key();
        let mut claims = claims();
        assert_eq!(
            check(&signed(&key, &header(&key), &claims), Some("t"), NOW),
            Err(ProofError::AccessToken)
        );
        claims["ath"] = json!(encode(Sha256::digest("t")));
        let proof = signed(&key, &header(&key), &claims);
        assert!(check(&proof, Some("t"), NOW).is_ok());
        assert_eq!(check(&proof, Some("u"), NOW), Err(ProofError::AccessToken));
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in "[A-Za-z0-9_.{}\":,-]{0,300}", header in any::<String>(), claims in any::<String>()) {
            let _ = read(&text);
            let _ = read(&format!("{}.{}.AAAA", encode(header), encode(claims)));
        }

        #[test]
        fn a_changed_proof_is_not_taken(at in 0_usize..700, with in "[A-Za-z0-9_-]") {
            let key = key();
            let proof = signed(&key, &header(&key), &claims());
            let mut changed = proof.clone();
            let at = at % proof.len();
            changed.replace_range(at..=at, &with);
            if changed != proof {
                prop_assert!(check(&changed, None, NOW).is_err());
            }
        }
    }
}
