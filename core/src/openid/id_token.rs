//! The ID token (OpenID Connect Core sections 2 and 3.3.2.11).

use serde::Serialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256, Sha512};

use super::subject::session_for;
use crate::engine::Engine;
use crate::env::Timestamp;
use crate::jose::{Algorithm, encode};
use crate::model::{AuthenticationState, Client};
use crate::protocol::OAuthError;
use crate::token::Secret;

/// How long an ID token is valid. It is read once, at the sign-in.
const LIFETIME: std::time::Duration = std::time::Duration::from_secs(60 * 60);

/// What is handed out together with an ID token, whose hashes it has.
#[derive(Clone, Copy, Default)]
pub(crate) struct Companions<'a> {
    pub(crate) access_token: Option<&'a str>,
    pub(crate) code: Option<&'a str>,
    pub(crate) state: Option<&'a str>,
}

/// What an ID token says.
pub(crate) struct IdTokenClaims<'a> {
    pub(crate) subject: &'a str,
    pub(crate) authentication: Option<&'a AuthenticationState>,
    pub(crate) nonce: Option<&'a str>,
    pub(crate) about_user: Map<String, Value>,
    pub(crate) companions: Companions<'a>,
}

#[derive(Serialize)]
struct Payload<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    exp: i64,
    iat: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    acr: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    amr: &'a [String],
    azp: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at_hash: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    c_hash: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    s_hash: Option<String>,
    #[serde(flatten)]
    about_user: Map<String, Value>,
}

/// The algorithm of a client's ID tokens: RS256 unless its metadata asks for another one (OpenID Connect Registration section 2).
pub(crate) fn id_token_algorithm(engine: &Engine, client: &Client) -> Result<Algorithm, OAuthError> {
    let named = client.metadata("id_token_signed_response_alg");
    let algorithm = match named {
        None => Some(engine.id_token_algorithm),
        Some(name) => Algorithm::from_name(name),
    };
    algorithm
        .filter(|algorithm| engine.keys.as_ref().is_some_and(|keys| keys.0.algorithms().contains(algorithm)))
        .ok_or_else(|| {
            OAuthError::unauthorized_client(
                "the server does not sign with the client's id_token_signed_response_alg",
            )
        })
}

/// Signs an ID token for a client.
///
/// # Errors
/// `unauthorized_client` if the client wants an algorithm that the server lacks, 503 if the signer cannot sign now.
pub(crate) async fn sign_id_token(
    engine: &Engine,
    client: &Client,
    claims: IdTokenClaims<'_>,
    now: Timestamp,
) -> Result<Secret, OAuthError> {
    let algorithm = id_token_algorithm(engine, client)?;
    let keys =
        engine.keys.as_ref().ok_or_else(|| OAuthError::server_error("the server has no signing keys"))?;
    let signed_in = claims.authentication;
    let hash = |text: &str| half_hash(algorithm, text);
    let session = signed_in.and_then(|signed_in| signed_in.session.as_ref());
    let session = session.map(|session| session_for(engine, client, session));
    let payload = Payload {
        iss: engine.issuer(),
        sub: claims.subject,
        aud: client.id(),
        exp: now.after(LIFETIME).as_secs(),
        iat: now.as_secs(),
        auth_time: signed_in.and_then(|signed_in| signed_in.auth_time).map(Timestamp::as_secs),
        nonce: claims.nonce,
        acr: signed_in.and_then(|signed_in| signed_in.acr.as_deref()),
        amr: signed_in.map(|signed_in| &*signed_in.amr).unwrap_or_default(),
        azp: client.id(),
        sid: session.as_deref(),
        at_hash: claims.companions.access_token.map(hash),
        c_hash: claims.companions.code.map(hash),
        s_hash: claims.companions.state.map(hash),
        about_user: claims.about_user,
    };
    keys.sign(algorithm, "JWT", &payload, now).await
}

/// The left half of a hash, by the hash function of the algorithm (OpenID Connect Core section 3.1.3.6). That of Ed25519 is SHA-512.
fn half_hash(algorithm: Algorithm, text: &str) -> String {
    match algorithm {
        Algorithm::EdDsa => encode(&Sha512::digest(text.as_bytes())[..32]),
        _ => encode(&Sha256::digest(text.as_bytes())[..16]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_that_of_the_specification() {
        // OpenID Connect Core appendix A.3 and A.4: at_hash and c_hash of RS256.
        assert_eq!(
            half_hash(Algorithm::Rs256, "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"),
            "77QmUPtjPfzWtF2AnpK9RQ"
        );
        assert_eq!(
            half_hash(Algorithm::Rs256, "Qcb0Orv1zh30vL1MPRsbm-diHiMwcLyZvn1arpZv-Jxf_11jnpEX3Tgfvk"),
            "LDktKdoQak3Pk0cnXxCltA"
        );
        assert_eq!(half_hash(Algorithm::EdDsa, "x").len(), 43);
    }
}
