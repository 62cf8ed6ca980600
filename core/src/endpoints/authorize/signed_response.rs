//! Signed authorization responses (JWT Secured Authorization Response Mode for OAuth 2.0).

use std::time::Duration;

use serde_json::{Map, Value};

use crate::engine::Engine;
use crate::jose::Algorithm;
use crate::model::Client;
use crate::protocol::OAuthError;
use crate::token::Secret;

/// How long a response is valid. JARM section 2.1 advises at most ten minutes.
const LIFETIME: Duration = Duration::from_secs(10 * 60);

/// The algorithm of a client's responses: that of ID tokens, unless its metadata asks for another one (JARM section 3).
pub(super) fn algorithm(engine: &Engine, client: &Client) -> Result<Algorithm, OAuthError> {
    let algorithm = match client.metadata("authorization_signed_response_alg") {
        None => Some(engine.id_token_algorithm),
        Some(name) => Algorithm::from_name(name),
    };
    algorithm
        .filter(|algorithm| engine.keys.as_ref().is_some_and(|keys| keys.0.algorithms().contains(algorithm)))
        .ok_or_else(|| {
            OAuthError::unauthorized_client(
                "the server does not sign with the client's authorization_signed_response_alg",
            )
        })
}

/// The response as one token. Its issuer is in the token, so that no parameter repeats it (JARM section 2.1, RFC 9207 section 2).
pub(super) async fn sign(
    engine: &Engine,
    client: &Client,
    parameters: &[(&str, &str)],
) -> Result<Secret, OAuthError> {
    let algorithm = algorithm(engine, client)?;
    let keys =
        engine.keys.as_ref().ok_or_else(|| OAuthError::server_error("the server has no signing keys"))?;
    let now = engine.clock.now();
    let mut claims: Map<String, Value> =
        parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
    claims.insert("iss".to_owned(), engine.issuer().into());
    claims.insert("aud".to_owned(), client.id().into());
    claims.insert("exp".to_owned(), now.after(LIFETIME).as_secs().into());
    claims.insert("iat".to_owned(), now.as_secs().into());
    keys.sign(algorithm, "JWT", &claims, now).await
}
