//! Assertions (RFC 7521, RFC 7523): JSON Web Tokens with which a client authenticates, or that are its authorization grant. Read and
//! checked here, for all that take them.
//!
//! An assertion is read without trust, to find out whose it is. Only once its signature is that client's, its claims are checked
//! and its `jti` is used up.

use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::method::{ClientRequest, PresentedCredentials};
use crate::engine::Engine;
use crate::env::Timestamp;
use crate::jose::{Jws, NumericDate, present};
use crate::protocol::OAuthError;
use crate::store::{Key, Kind, Row, StoreError};
use crate::token::Digest;

/// The value of `client_assertion_type` (RFC 7523 section 2.2).
const CLIENT_ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The value of `grant_type` for an assertion that is an authorization grant (RFC 7523 section 2.1).
pub(crate) const AUTHORIZATION_GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// How far ahead an assertion may expire. It bounds how long its `jti` is kept, and how long a stolen assertion is of use where
/// its `jti` is optional.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// How far a client's clock may be ahead of the server's.
const LEEWAY: Duration = Duration::from_secs(60);

/// What an assertion says (RFC 7523 section 3). A claim that is there twice, or of another type, makes it unreadable.
#[derive(Debug, Deserialize)]
pub(crate) struct Claims {
    pub(crate) iss: String,
    pub(crate) sub: String,
    pub(crate) aud: Texts,
    exp: NumericDate,
    #[serde(default, deserialize_with = "present")]
    nbf: Option<NumericDate>,
    #[serde(default, deserialize_with = "present")]
    iat: Option<NumericDate>,
    #[serde(default, deserialize_with = "present")]
    pub(crate) jti: Option<String>,
}

/// A text, or a list of texts, as the audience of a token is (RFC 7519 section 4.1.3).
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Texts {
    One(String),
    Several(Vec<String>),
}

impl Texts {
    pub(crate) fn as_slice(&self) -> &[String] {
        match self {
            Self::One(text) => std::slice::from_ref(text),
            Self::Several(list) => list,
        }
    }
}

fn moment(date: NumericDate) -> Timestamp {
    Timestamp::from_millis(date.as_millis())
}

/// An assertion that can be read. Nothing about it is verified yet.
#[derive(Debug)]
pub(crate) struct Assertion<'a, C = Claims> {
    pub(crate) jws: Jws<'a>,
    pub(crate) claims: C,
}

impl<'a, C: DeserializeOwned> Assertion<'a, C> {
    /// Reads an assertion. `types` are the values of `typ` that it may have.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub(crate) fn parse(text: &'a str, types: &[&str]) -> Result<Self, Unacceptable> {
        let jws = Jws::parse(text).map_err(|error| Unacceptable(error.to_string()))?;
        // RFC 8725 section 3.11: what the client has signed for another purpose is no assertion.
        if !jws.has_no_type() && !types.iter().any(|typ| jws.is_of_type(typ)) {
            return Err(Unacceptable::because("its typ is that of another kind of token"));
        }
        let claims = jws.claims().ok_or(Unacceptable::because(
            "a claim that it must have is missing, or one is there twice or has the wrong type",
        ))?;
        Ok(Self { jws, claims })
    }
}

/// Why an assertion is refused: for the log, and for the client where the error says so.
#[derive(Debug, thiserror::Error)]
#[error("the assertion is not good: {0}")]
pub(crate) struct Unacceptable(String);

impl Unacceptable {
    pub(crate) fn because(why: &'static str) -> Self {
        Self(why.to_owned())
    }

    /// RFC 7521 section 4.1.1: whatever is wrong with it, the assertion is no authorization grant.
    pub(crate) fn into_grant_error(self) -> OAuthError {
        OAuthError::invalid_grant(self.to_string())
    }
}

/// The error for an assertion that is no authorization grant.
pub(crate) fn no_grant(why: &'static str) -> OAuthError {
    Unacceptable::because(why).into_grant_error()
}

/// RFC 7521 section 4.2.1: whatever is wrong with a client's assertion, it does not authenticate.
impl From<Unacceptable> for OAuthError {
    fn from(why: Unacceptable) -> Self {
        Self::invalid_client().with_cause(why)
    }
}

impl Claims {
    /// Checks whom the assertion is for and when it is valid (RFC 7523 section 3). `asked` is another audience that is right for this
    /// request. Returns when it expires.
    ///
    /// # Errors
    /// Why it is refused.
    pub(crate) fn check(
        &self,
        engine: &Engine,
        asked: Option<&str>,
        now: Timestamp,
    ) -> Result<Timestamp, Unacceptable> {
        let is_ours = match &self.aud {
            Texts::One(audience) if engine.assertions_name_issuer_alone => audience == engine.issuer(),
            Texts::Several(_) if engine.assertions_name_issuer_alone => false,
            named => named.as_slice().iter().any(|audience| is_audience(engine, asked, audience)),
        };
        if !is_ours {
            return Err(Unacceptable::because("its aud is not this server"));
        }
        let (expires, latest) = (moment(self.exp), now.after(LEEWAY));
        if expires <= now {
            return Err(Unacceptable::because("it has expired"));
        }
        if expires > latest.after(LONGEST) {
            return Err(Unacceptable::because("its exp is more than 24 hours ahead"));
        }
        if self.nbf.is_some_and(|begins| moment(begins) > latest) {
            return Err(Unacceptable::because("its nbf is in the future"));
        }
        if self.iat.is_some_and(|issued| moment(issued) > latest) {
            return Err(Unacceptable::because("its iat is in the future"));
        }
        Ok(expires)
    }
}

/// The issuer, the token endpoint, or what is right for this request.
fn is_audience(engine: &Engine, asked: Option<&str>, audience: &str) -> bool {
    audience == engine.issuer() || audience == engine.url("/token") || asked == Some(audience)
}

/// What a `jti` is used for. An id that was used for one purpose is unused for the others.
#[derive(Clone, Copy)]
pub(crate) enum Purpose {
    Authentication,
    Authorization,
    /// That of a proof of possession, whose issuer is the thumbprint of its key.
    Possession,
}

impl Purpose {
    const fn label(self) -> u8 {
        match self {
            Self::Authentication => b'A',
            Self::Authorization => b'G',
            Self::Possession => b'P',
        }
    }
}

/// Uses the id of an assertion or a proof up, for all processes of the store. Returns `false` if it has been used.
pub(crate) async fn use_up(
    engine: &Engine,
    purpose: Purpose,
    issuer: &str,
    jti: &str,
    expires: Timestamp,
) -> Result<bool, StoreError> {
    // The length tells where the issuer ends, so that no two pairs have one digest.
    let length = (issuer.len() as u64).to_be_bytes();
    let id = Digest::of(purpose.label(), &[&length, issuer.as_bytes(), jti.as_bytes()]).to_text();
    // A process whose clock is behind still takes the assertion while another one already sweeps.
    let row = Row::new(engine.clock.now(), "{}").with_expires(Some(expires.after(LEEWAY)));
    engine.store.insert(Key::new(Kind::AssertionId, &id), row).await
}

/// Whether a request brings a client assertion, of whatever type.
pub(super) fn is_in(request: &ClientRequest<'_>) -> bool {
    ["client_assertion", "client_assertion_type"].iter().any(|name| request.parameter(name).is_some())
}

/// The credentials in a request, if it has a client assertion that `is_ours`.
pub(super) fn read(
    request: &ClientRequest<'_>,
    is_ours: impl FnOnce(&Jws<'_>) -> bool,
) -> Result<Option<PresentedCredentials>, OAuthError> {
    let text = match (request.parameter("client_assertion_type"), request.parameter("client_assertion")) {
        (None, None) => return Ok(None),
        (Some(CLIENT_ASSERTION_TYPE), Some(text)) => text,
        // That of another method, if the application has one.
        (Some(_), Some(_)) => return Ok(None),
        _ => {
            return Err(OAuthError::invalid_request(
                "client_assertion and client_assertion_type go together",
            ));
        }
    };
    let Assertion { jws, claims } = client_assertion(text)?;
    // RFC 7523 section 3: the client speaks for itself.
    if claims.iss != claims.sub {
        return Err(Unacceptable::because("its iss is not its sub").into());
    }
    if request.parameter("client_id").is_some_and(|named| named != claims.sub) {
        return Err(OAuthError::invalid_request("client_id is not the sub of the assertion"));
    }
    Ok(is_ours(&jws).then(|| PresentedCredentials::named(claims.sub).with_proof(text)))
}

/// Reads an assertion that is an authorization grant: of a client for itself, or of an issuer about one of its users.
pub(crate) fn authorization_assertion(text: &str) -> Result<Assertion<'_>, Unacceptable> {
    Assertion::parse(text, &["JWT", "authorization-grant+jwt", "oauth-id-jag+jwt"])
}

/// Reads a token of another issuer that is to be exchanged for one of this server (RFC 8693).
pub(crate) fn foreign_token(text: &str) -> Result<Assertion<'_>, Unacceptable> {
    Assertion::parse(text, &["JWT", "at+jwt"])
}

/// Reads a client assertion.
pub(super) fn client_assertion(text: &str) -> Result<Assertion<'_>, Unacceptable> {
    Assertion::parse(text, &["JWT", "client-authentication+jwt"])
}

/// Checks the claims of a client assertion whose signature is right, and uses it up.
pub(super) async fn accept(request: &ClientRequest<'_>, claims: &Claims) -> Result<(), OAuthError> {
    let engine = request.engine;
    // RFC 9126 section 2: a pushed request may name its own endpoint.
    let pushed = engine.url("/par");
    let asked = pushed.ends_with(request.http.uri().path()).then_some(&*pushed);
    let expires = claims.check(engine, asked, engine.clock.now())?;
    let jti = claims.jti.as_deref().filter(|jti| !jti.is_empty());
    let jti = jti.ok_or(Unacceptable::because("it has no jti"))?;
    if !use_up(engine, Purpose::Authentication, &claims.iss, jti, expires).await? {
        return Err(Unacceptable::because("its jti has been used").into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::jose::encode;

    fn read(claims: &str) -> Option<Claims> {
        let text = format!("{}.{}.{}", encode(r#"{"alg":"ES256"}"#), encode(claims), encode("s"));
        client_assertion(&text).ok().map(|assertion| assertion.claims)
    }

    fn with_exp(exp: &str) -> Option<Timestamp> {
        let claims = format!(r#"{{"iss":"a","sub":"a","aud":"b","exp":{exp}}}"#);
        read(&claims).map(|claims| moment(claims.exp))
    }

    #[test]
    fn a_moment_may_have_a_fraction_and_saturates() {
        assert_eq!(with_exp("1.5"), Some(Timestamp::from_millis(1_500)));
        assert_eq!(with_exp("1e3"), Some(Timestamp::from_millis(1_000_000)));
        assert_eq!(with_exp("1e300"), Some(Timestamp::from_millis(i64::MAX)));
        assert_eq!(with_exp("-1e300"), Some(Timestamp::from_millis(i64::MIN)));
        for exp in ["1e999", "NaN", "Infinity", "\"1\"", "null", "[1]", "0x1", "01", ""] {
            assert_eq!(with_exp(exp), None, "{exp}");
        }
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in "[A-Za-z0-9_.{}\":,-]{0,200}", claims in any::<String>()) {
            let _ = client_assertion(&text);
            let _ = authorization_assertion(&text);
            let _ = read(&claims);
        }

        /// What was written is read, and no text of one claim becomes another claim.
        #[test]
        fn claims_are_read_as_they_were_written(iss in ".{0,20}", aud in prop::collection::vec(".{0,20}", 0..4), jti in prop::option::of(".{0,20}")) {
            let mut written = serde_json::json!({ "iss": iss, "sub": iss, "aud": aud, "exp": 1 });
            if let Some(jti) = &jti {
                written["jti"] = serde_json::json!(jti);
            }
            let read = read(&written.to_string()).unwrap();
            prop_assert_eq!((read.iss, read.jti), (iss, jti));
            prop_assert_eq!(read.aud.as_slice(), &aud[..]);
        }
    }
}
