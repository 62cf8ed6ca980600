use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};

use serde_json::Value;

use super::numeric_date::present;
use super::{Algorithm, JwkError, PublicKey, decode, encode};

/// Why a text is not a JSON Web Signature that this server looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JwsError {
    /// It is longer than [`Jws::MAX_LENGTH`].
    #[error("the token is too long")]
    TooLong,
    /// It is not three parts in base64url, separated by dots. One of an encrypted token has five.
    #[error("the token is not in the compact form of a JWS")]
    Form,
    /// Its header is not a JSON object with an `alg`.
    #[error("the header of the token is malformed")]
    Header,
    /// Its header names extensions that have to be understood (`crit`, `b64`).
    #[error("the header of the token has extensions that are not understood")]
    Extensions,
    /// Its header brings a key along, or names a place to fetch one from (`jwk`, `jku`, `x5u`).
    #[error("the header of the token brings its own key")]
    OwnKey,
    /// It is a proof of possession, and its header has no key (`jwk`).
    #[error("the header of the token has no key")]
    NoKey,
    /// It is a proof of possession, and the key in its header (`jwk`) cannot be used.
    #[error("the key in the header of the token: {0}")]
    Key(JwkError),
}

/// A JSON Web Signature in compact form (RFC 7515 section 7.1), not verified yet.
#[derive(Debug)]
pub struct Jws<'a> {
    header: Header,
    input: &'a str,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

/// The header parameters that are looked at. Each may be there only once.
#[derive(Debug, Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    typ: Option<String>,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default)]
    crit: Presence,
    #[serde(default)]
    b64: Presence,
    #[serde(default, deserialize_with = "present")]
    jwk: Option<Value>,
    #[serde(default)]
    jku: Presence,
    #[serde(default)]
    x5u: Presence,
}

/// Whether a parameter is there, with whatever value.
#[derive(Debug, Default)]
struct Presence(bool);

impl<'de> Deserialize<'de> for Presence {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self(true))
    }
}

impl<'a> Jws<'a> {
    /// The longest token, in bytes.
    pub const MAX_LENGTH: usize = 16 * 1024;

    /// Parses a token. Its signature is not verified.
    ///
    /// # Errors
    /// [`JwsError`] says why it is not looked at.
    pub fn parse(text: &'a str) -> Result<Self, JwsError> {
        let jws = Self::parse_any(text)?;
        if jws.header.jwk.is_some() {
            return Err(JwsError::OwnKey);
        }
        Ok(jws)
    }

    /// Parses a proof of possession: a token that is signed by the key in its own header (`jwk`). That says nothing about who sent
    /// it, but that the sender has the private key (RFC 9449 section 4.2).
    ///
    /// # Errors
    /// [`JwsError`] says why it is not looked at. [`JwsError::Key`] if the key is private, symmetric, or of another type than this
    /// server verifies.
    pub fn parse_proof(text: &'a str) -> Result<(Self, PublicKey), JwsError> {
        let jws = Self::parse_any(text)?;
        let jwk = jws.header.jwk.as_ref().ok_or(JwsError::NoKey)?;
        let key = PublicKey::from_jwk(jwk).map_err(JwsError::Key)?;
        Ok((jws, key))
    }

    fn parse_any(text: &'a str) -> Result<Self, JwsError> {
        if text.len() > Self::MAX_LENGTH {
            return Err(JwsError::TooLong);
        }
        let (input, signature) = text.rsplit_once('.').ok_or(JwsError::Form)?;
        let (header, payload) = input.split_once('.').ok_or(JwsError::Form)?;
        let part = |text| decode(text).ok_or(JwsError::Form);
        let (header, payload, signature) = (part(header)?, part(payload)?, part(signature)?);
        let header: Header = from_object(&header).ok_or(JwsError::Header)?;
        if header.crit.0 || header.b64.0 {
            return Err(JwsError::Extensions);
        }
        if header.jku.0 || header.x5u.0 {
            return Err(JwsError::OwnKey);
        }
        Ok(Self { header, input, payload, signature })
    }

    /// Whether the token is signed by this key, with an algorithm of the key.
    pub fn is_signed_by(&self, key: &PublicKey) -> bool {
        let algorithm = Algorithm::from_name(&self.header.alg);
        algorithm.is_some_and(|algorithm| key.verifies(algorithm, self.input.as_bytes(), &self.signature))
    }

    /// The value of `alg`. It says what the sender claims; [`is_signed_by`](Self::is_signed_by) believes the key.
    pub fn algorithm_name(&self) -> &str {
        &self.header.alg
    }

    /// The value of `kid`.
    pub fn key_id(&self) -> Option<&str> {
        self.header.kid.as_deref()
    }

    /// Whether it is of this media type: `application/` may be left out, and case does not matter (RFC 7515 section 4.1.9).
    pub fn is_of_type(&self, typ: &str) -> bool {
        let named = self.header.typ.as_deref().unwrap_or_default();
        let short = match named.split_at_checked("application/".len()) {
            Some((prefix, rest)) if prefix.eq_ignore_ascii_case("application/") => rest,
            _ => named,
        };
        short.eq_ignore_ascii_case(typ)
    }

    /// Whether it names no type.
    pub fn has_no_type(&self) -> bool {
        self.header.typ.is_none()
    }

    /// The claims; `None` if the payload is not JSON of this shape.
    pub fn claims<T: DeserializeOwned>(&self) -> Option<T> {
        from_object(&self.payload)
    }

    pub(super) fn input(&self) -> &str {
        self.input
    }

    pub(super) fn signature(&self) -> &[u8] {
        &self.signature
    }
}

/// Reads a JSON object. A list of its members in order would be read as well otherwise.
fn from_object<T: DeserializeOwned>(json: &[u8]) -> Option<T> {
    if json.trim_ascii_start().first() != Some(&b'{') {
        return None;
    }
    serde_json::from_slice(json).ok()
}

/// What is signed: header and claims, each in base64url.
///
/// # Errors
/// The claims cannot be written as JSON.
pub fn signing_input(
    algorithm: Algorithm,
    typ: &str,
    key_id: &str,
    claims: &impl Serialize,
) -> serde_json::Result<String> {
    #[derive(Serialize)]
    struct Header<'a> {
        alg: &'a str,
        typ: &'a str,
        kid: &'a str,
    }
    let header = Header { alg: algorithm.name(), typ, kid: key_id };
    let mut input = encode(serde_json::to_vec(&header)?);
    input.push('.');
    input.push_str(&encode(serde_json::to_vec(claims)?));
    Ok(input)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::{PrivateKey, is_hs256, sign};
    use super::*;

    fn key() -> PrivateKey {
        PrivateKey::generate(Algorithm::Es256).unwrap()
    }

    /// A token with this header, signed by the key all the same.
    fn with_header(key: &PrivateKey, header: &Value) -> String {
        let input = format!("{}.{}", encode(header.to_string()), encode(r#"{"sub":"israel"}"#));
        let signature = encode(key.sign(input.as_bytes()).unwrap());
        format!("{input}.{signature}")
    }

    #[test]
    fn a_token_is_verified_by_its_key_alone() {
        let (key, other) = (key(), key());
        let token = sign(&key, "at+jwt", &json!({ "sub": "israel" })).unwrap();
        let jws = Jws::parse(&token).unwrap();
        assert!(jws.is_signed_by(key.public()) && !jws.is_signed_by(other.public()));
        assert_eq!(jws.key_id(), key.public().id());
        assert!(jws.is_of_type("AT+JWT") && !jws.is_of_type("jwt"));
        assert_eq!(jws.claims::<Value>().unwrap()["sub"], "israel");
    }

    #[test]
    fn the_token_does_not_choose_the_algorithm() {
        let key = key();
        for alg in ["none", "NONE", "HS256", "RS256", "EdDSA", "es256", ""] {
            let token = with_header(&key, &json!({ "alg": alg }));
            assert!(!Jws::parse(&token).unwrap().is_signed_by(key.public()), "{alg}");
        }
        assert!(
            Jws::parse(&with_header(&key, &json!({ "alg": "ES256" }))).unwrap().is_signed_by(key.public())
        );
        // CVE-2016-10555 and its descendants: the public key as the secret of a MAC.
        let public = key.public().to_jwk().to_string();
        let input = format!("{}.{}", encode(r#"{"alg":"HS256"}"#), encode("{}"));
        let mac = {
            use hmac::{Hmac, KeyInit, Mac};
            let mac = Hmac::<sha2::Sha256>::new_from_slice(public.as_bytes()).unwrap();
            encode(mac.chain_update(input.as_bytes()).finalize().into_bytes())
        };
        let token = format!("{input}.{mac}");
        let jws = Jws::parse(&token).unwrap();
        assert!(!jws.is_signed_by(key.public()));
        assert!(is_hs256(&jws, public.as_bytes()) && !is_hs256(&jws, b"another"));
    }

    #[test]
    fn a_proof_has_its_own_key_in_the_header() {
        let (key, other) = (key(), key());
        let jwk = key.public().to_jwk();
        let proof = with_header(&key, &json!({ "alg": "ES256", "jwk": jwk }));
        let (jws, own) = Jws::parse_proof(&proof).unwrap();
        assert!(jws.is_signed_by(&own) && own.thumbprint() == key.public().thumbprint());
        let stolen = with_header(&other, &json!({ "alg": "ES256", "jwk": jwk }));
        let (jws, own) = Jws::parse_proof(&stolen).unwrap();
        assert!(!jws.is_signed_by(&own));
        let mut private = jwk.clone();
        private["d"] = json!("AAAA");
        for (header, error) in [
            (json!({ "alg": "ES256" }), JwsError::NoKey),
            (json!({ "alg": "ES256", "jwk": null }), JwsError::Key(JwkError::Malformed)),
            (json!({ "alg": "ES256", "jwk": private }), JwsError::Key(JwkError::Private)),
            (
                json!({ "alg": "HS256", "jwk": { "kty": "oct", "k": "AAAA" } }),
                JwsError::Key(JwkError::Private),
            ),
            (json!({ "alg": "ES256", "jwk": jwk, "jku": "https://evil.example" }), JwsError::OwnKey),
            (json!({ "alg": "ES256", "jwk": jwk, "crit": ["jwk"] }), JwsError::Extensions),
        ] {
            assert_eq!(Jws::parse_proof(&with_header(&key, &header)).unwrap_err(), error, "{header}");
        }
    }

    #[test]
    fn headers_that_are_not_understood_are_refused() {
        let key = key();
        for (name, error) in [
            ("crit", JwsError::Extensions),
            ("b64", JwsError::Extensions),
            ("jwk", JwsError::OwnKey),
            ("jku", JwsError::OwnKey),
            ("x5u", JwsError::OwnKey),
        ] {
            for value in [json!(null), json!(["exp"]), json!({}), json!("https://evil.example")] {
                let token = with_header(&key, &json!({ "alg": "ES256", name: value }));
                assert_eq!(Jws::parse(&token).unwrap_err(), error, "{name}");
            }
        }
        for header in [
            "{}",
            "[]",
            r#"["ES256"]"#,
            "{",
            "",
            r#"{"alg":7}"#,
            r#"{"alg":"ES256","alg":"none"}"#,
            r#"{"alg":"ES256","kid":1}"#,
        ] {
            let token = format!("{}.{}.{}", encode(header), encode("{}"), encode("s"));
            assert_eq!(Jws::parse(&token).unwrap_err(), JwsError::Header, "{header}");
        }
        for text in ["", ".", "a.b", "a.b.c.d", "a.b.c.d.e", "e30=.e30.e30", "e30.e30.e3 0"] {
            assert!(Jws::parse(text).is_err(), "{text}");
        }
        assert_eq!(Jws::parse(&"a".repeat(Jws::MAX_LENGTH + 1)).unwrap_err(), JwsError::TooLong);
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in "[A-Za-z0-9_.{}=-]{0,200}") {
            let _ = Jws::parse(&text);
            let _ = Jws::parse_proof(&text);
        }

        #[test]
        fn a_changed_token_is_not_verified(at in 0_usize..200, with in "[A-Za-z0-9_-]") {
            let key = key();
            let token = sign(&key, "JWT", &json!({ "sub": "israel", "aud": "https://rs.example.com" })).unwrap();
            let mut changed = token.clone();
            let at = at % token.len();
            changed.replace_range(at..=at, &with);
            if changed != token {
                let verified = Jws::parse(&changed).is_ok_and(|jws| jws.is_signed_by(key.public()));
                prop_assert!(!verified);
            }
        }
    }
}
