use std::fmt;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256,
    RsaPublicKeyComponents,
};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::{Algorithm, decode, encode};

/// Why a JSON Web Key is not a public key that this server can use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JwkError {
    /// It is not an object with a `kty`, or a member has the wrong type.
    #[error("it is not a JSON Web Key")]
    Malformed,
    /// It contains a private or symmetric key.
    #[error("it contains a private or a symmetric key")]
    Private,
    /// Its type or curve is none of RSA, P-256 and Ed25519.
    #[error("it is none of an RSA key, an EC key on P-256 and an OKP key on Ed25519")]
    Unsupported,
    /// It is not for signatures (`use`, `key_ops`).
    #[error("it is not for signatures")]
    OtherUse,
    /// Its `alg` does not fit its type.
    #[error("its alg does not fit its kty")]
    Algorithm,
    /// Its numbers are not those of a key: an RSA modulus below 2048 or above 8192 bits, or a point that is not on the curve.
    #[error("its numbers are not those of a key of 2048 to 8192 bits, or of a point on its curve")]
    Numbers,
}

/// A public key for verifying signatures (RFC 7517).
#[derive(Clone)]
pub struct PublicKey {
    id: Option<Box<str>>,
    /// The only algorithm that it is for, if it says so.
    algorithm: Option<Algorithm>,
    numbers: Numbers,
}

#[derive(Clone, PartialEq, Eq)]
enum Numbers {
    Rsa { n: Box<[u8]>, e: Box<[u8]> },
    P256 { x: [u8; 32], y: [u8; 32] },
    Ed25519 { x: [u8; 32] },
}

impl PublicKey {
    pub(super) fn rsa(algorithm: Algorithm, n: &[u8], e: &[u8]) -> Self {
        Self { id: None, algorithm: Some(algorithm), numbers: Numbers::Rsa { n: n.into(), e: e.into() } }
            .with_thumbprint()
    }

    /// From an uncompressed point (SEC 1 section 2.3.3).
    pub(super) fn p256(point: &[u8]) -> Option<Self> {
        let (x, y) = point.strip_prefix(&[4])?.split_first_chunk::<32>()?;
        let numbers = Numbers::P256 { x: *x, y: y.try_into().ok()? };
        Some(Self { id: None, algorithm: Some(Algorithm::Es256), numbers }.with_thumbprint())
    }

    pub(super) fn ed25519(x: &[u8]) -> Option<Self> {
        let numbers = Numbers::Ed25519 { x: x.try_into().ok()? };
        Some(Self { id: None, algorithm: Some(Algorithm::EdDsa), numbers }.with_thumbprint())
    }

    fn with_thumbprint(mut self) -> Self {
        self.id = Some(self.thumbprint().into());
        self
    }

    /// Reads a JSON Web Key.
    ///
    /// # Errors
    /// [`JwkError`] says why it cannot be used.
    pub fn from_jwk(jwk: &Value) -> Result<Self, JwkError> {
        let members = jwk.as_object().ok_or(JwkError::Malformed)?;
        let kty = text(members, "kty")?.ok_or(JwkError::Malformed)?;
        if kty == "oct"
            || ["d", "p", "q", "dp", "dq", "qi", "k"].iter().any(|name| members.contains_key(*name))
        {
            return Err(JwkError::Private);
        }
        let number = |name| text(members, name)?.and_then(decode).ok_or(JwkError::Malformed);
        let coordinate = |name| <[u8; 32]>::try_from(number(name)?).map_err(|_| JwkError::Numbers);
        let curve = text(members, "crv")?;
        let numbers = match (kty, curve) {
            ("RSA", _) => Numbers::Rsa { n: number("n")?.into(), e: number("e")?.into() },
            ("EC", Some("P-256")) => Numbers::P256 { x: coordinate("x")?, y: coordinate("y")? },
            ("OKP", Some("Ed25519")) => Numbers::Ed25519 { x: coordinate("x")? },
            _ => return Err(JwkError::Unsupported),
        };
        let is_for_signatures = text(members, "use")?.is_none_or(|purpose| purpose == "sig")
            && members.get("key_ops").is_none_or(|operations| {
                operations.as_array().is_some_and(|list| list.iter().any(|operation| operation == "verify"))
            });
        if !is_for_signatures {
            return Err(JwkError::OtherUse);
        }
        let id = text(members, "kid")?.map(Into::into);
        let mut key = Self { id, algorithm: None, numbers };
        if let Some(name) = text(members, "alg")? {
            // RFC 9864 names the curve in the algorithm.
            let algorithm =
                if name == "Ed25519" { Some(Algorithm::EdDsa) } else { Algorithm::from_name(name) };
            let fits = algorithm.filter(|algorithm| key.fits(*algorithm));
            key.algorithm = Some(fits.ok_or(JwkError::Algorithm)?);
        }
        key.check_numbers()?;
        Ok(key)
    }

    /// Whether a key of this type can have signed with this algorithm.
    pub(crate) fn fits(&self, algorithm: Algorithm) -> bool {
        if self.algorithm.is_some_and(|own| own != algorithm) {
            return false;
        }
        matches!(
            (&self.numbers, algorithm),
            (Numbers::Rsa { .. }, Algorithm::Rs256 | Algorithm::Ps256)
                | (Numbers::P256 { .. }, Algorithm::Es256)
                | (Numbers::Ed25519 { .. }, Algorithm::EdDsa)
        )
    }

    fn check_numbers(&self) -> Result<(), JwkError> {
        match &self.numbers {
            Numbers::Rsa { n, e } => {
                let is_odd = |number: &[u8]| number.last().is_some_and(|last| last % 2 == 1);
                let is_fit = matches!(n.len(), 256..=1024)
                    && n.first().is_some_and(|first| *first >= 0x80 || n.len() > 256)
                    && n.first() != Some(&0)
                    && is_odd(n)
                    && (1..=8).contains(&e.len())
                    && is_odd(e)
                    && **e != [1];
                if !is_fit {
                    return Err(JwkError::Numbers);
                }
            }
            Numbers::P256 { .. } | Numbers::Ed25519 { .. } => {}
        }
        let algorithm = Algorithm::ALL.into_iter().find(|algorithm| self.fits(*algorithm));
        let parsed = algorithm.and_then(|algorithm| self.parsed(algorithm));
        parsed.map(drop).ok_or(JwkError::Numbers)
    }

    fn parsed(&self, algorithm: Algorithm) -> Option<ParsedPublicKey> {
        match &self.numbers {
            Numbers::Rsa { n, e } => {
                let parameters = match algorithm {
                    Algorithm::Ps256 => &RSA_PSS_2048_8192_SHA256,
                    _ => &RSA_PKCS1_2048_8192_SHA256,
                };
                RsaPublicKeyComponents { n, e }.to_parsed_public_key(parameters).ok()
            }
            Numbers::P256 { x, y } => {
                ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, [&[4], &x[..], &y[..]].concat()).ok()
            }
            Numbers::Ed25519 { x } => ParsedPublicKey::new(&ED25519, x).ok(),
        }
    }

    /// Whether `signature` is this key's, by this algorithm, over `input`.
    pub fn verifies(&self, algorithm: Algorithm, input: &[u8], signature: &[u8]) -> bool {
        self.fits(algorithm)
            && self.parsed(algorithm).is_some_and(|key| key.verify_sig(input, signature).is_ok())
    }

    /// Its `kid`; of the server's own keys this is the thumbprint.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The only algorithm that it is for, if it says so.
    pub fn algorithm(&self) -> Option<Algorithm> {
        self.algorithm
    }

    /// The thumbprint with SHA-256, in base64url (RFC 7638 section 3).
    pub fn thumbprint(&self) -> String {
        // The members in lexicographic order, and no other text.
        let canonical = match &self.numbers {
            Numbers::Rsa { n, e } => format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, encode(e), encode(n)),
            Numbers::P256 { x, y } => {
                format!(r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#, encode(x), encode(y))
            }
            Numbers::Ed25519 { x } => format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, encode(x)),
        };
        encode(Sha256::digest(canonical.as_bytes()))
    }

    /// The JSON Web Key.
    pub fn to_jwk(&self) -> Value {
        let mut jwk = match &self.numbers {
            Numbers::Rsa { n, e } => json!({ "kty": "RSA", "n": encode(n), "e": encode(e) }),
            Numbers::P256 { x, y } => json!({ "kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y) }),
            Numbers::Ed25519 { x } => json!({ "kty": "OKP", "crv": "Ed25519", "x": encode(x) }),
        };
        jwk["use"] = json!("sig");
        if let Some(algorithm) = self.algorithm {
            jwk["alg"] = json!(algorithm.name());
        }
        if let Some(id) = &self.id {
            jwk["kid"] = json!(id);
        }
        jwk
    }
}

/// A member that is a text.
fn text<'a>(members: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, JwkError> {
    match members.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(JwkError::Malformed),
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicKey").field("id", &self.id).field("algorithm", &self.algorithm).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::super::PrivateKey;
    use super::*;

    #[test]
    fn the_thumbprint_is_that_of_the_rfc() {
        // RFC 7638 section 3.1, RFC 8037 appendix A.3.
        let rsa = json!({
            "kty": "RSA",
            "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
            "e": "AQAB", "alg": "RS256", "kid": "2011-04-29"
        });
        let key = PublicKey::from_jwk(&rsa).unwrap();
        assert_eq!(key.thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
        assert_eq!((key.id(), key.algorithm()), (Some("2011-04-29"), Some(Algorithm::Rs256)));
        let ed =
            json!({ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" });
        let key = PublicKey::from_jwk(&ed).unwrap();
        assert_eq!(key.thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn unusable_keys_are_refused() {
        let good = PrivateKey::generate(Algorithm::Es256).unwrap().public().to_jwk();
        let with = |name: &str, value: Value| {
            let mut jwk = good.clone();
            jwk[name] = value;
            PublicKey::from_jwk(&jwk).map(drop)
        };
        assert_eq!(with("kid", json!("k")), Ok(()));
        assert_eq!(with("d", json!("AAAA")), Err(JwkError::Private));
        assert_eq!(with("kty", json!("oct")), Err(JwkError::Private));
        assert_eq!(with("kty", json!("RSA")), Err(JwkError::Malformed));
        assert_eq!(with("kty", json!(7)), Err(JwkError::Malformed));
        assert_eq!(with("crv", json!("P-384")), Err(JwkError::Unsupported));
        assert_eq!(with("crv", json!("Ed25519")), Err(JwkError::Unsupported));
        assert_eq!(with("use", json!("enc")), Err(JwkError::OtherUse));
        assert_eq!(with("key_ops", json!(["sign"])), Err(JwkError::OtherUse));
        assert_eq!(with("alg", json!("RS256")), Err(JwkError::Algorithm));
        assert_eq!(with("alg", json!("HS256")), Err(JwkError::Algorithm));
        // Not on the curve.
        assert_eq!(with("x", json!(encode([1; 32]))), Err(JwkError::Numbers));
        assert_eq!(with("x", json!(encode([1; 31]))), Err(JwkError::Numbers));
        assert_eq!(PublicKey::from_jwk(&json!([])).map(drop), Err(JwkError::Malformed));
        let rsa = |n: &[u8], e: &[u8]| {
            PublicKey::from_jwk(&json!({ "kty": "RSA", "n": encode(n), "e": encode(e) })).map(drop)
        };
        assert_eq!(rsa(&[0xff; 256], &[1, 0, 1]), Ok(()));
        assert_eq!(rsa(&[0xff; 128], &[1, 0, 1]), Err(JwkError::Numbers));
        assert_eq!(rsa(&[0x7f; 256], &[1, 0, 1]), Err(JwkError::Numbers));
        assert_eq!(rsa(&[0xff; 1025], &[1, 0, 1]), Err(JwkError::Numbers));
        assert_eq!(rsa(&[0xff; 256], &[1]), Err(JwkError::Numbers));
        assert_eq!(rsa(&[0xff; 256], &[2]), Err(JwkError::Numbers));
    }

    #[test]
    fn a_key_survives_its_jwk() {
        for algorithm in Algorithm::ALL {
            let key = PrivateKey::generate(algorithm).unwrap();
            let jwk = key.public().to_jwk();
            let read = PublicKey::from_jwk(&jwk).unwrap();
            assert_eq!(read.to_jwk(), jwk);
            assert_eq!(read.id(), Some(&*read.thumbprint()));
            let signature = key.sign(b"input").unwrap();
            for other in Algorithm::ALL {
                assert_eq!(
                    read.verifies(other, b"input", &signature),
                    other == algorithm,
                    "{algorithm} {other}"
                );
            }
            assert!(!read.verifies(algorithm, b"another", &signature));
        }
    }
}
