//! Access tokens that are JSON Web Tokens (RFC 9068).

use serde::Serialize;
use serde_json::{Map, Value};

use super::GrantedScope;
use super::prepared::Prepared;
use crate::engine::Engine;
use crate::env::Timestamp;
use crate::model::{Client, GrantRecord};
use crate::openid::subject_for;
use crate::protocol::OAuthError;
use crate::token::{Binding, NewToken, new_jwt_id};

/// The claims that the server sets. Extensions cannot.
pub(crate) const RESERVED_CLAIMS: [&str; 15] = [
    "jti",
    "iss",
    "sub",
    "aud",
    "client_id",
    "iat",
    "nbf",
    "exp",
    "scope",
    "auth_time",
    "acr",
    "amr",
    "cnf",
    "azp",
    "act",
];

#[derive(Serialize)]
struct Claims<'a> {
    /// It comes first: a guard finds the grant's row by it without reading the rest.
    jti: &'a str,
    iss: &'a str,
    sub: &'a str,
    #[serde(serialize_with = "audience")]
    aud: &'a [String],
    client_id: &'a str,
    iat: i64,
    exp: i64,
    #[serde(skip_serializing_if = "str::is_empty")]
    scope: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    acr: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    amr: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    cnf: Option<&'a Binding>,
    /// RFC 8693 section 4.1.
    #[serde(skip_serializing_if = "Option::is_none")]
    act: Option<&'a Value>,
    #[serde(flatten)]
    others: &'a Map<String, Value>,
}

/// One audience as a text, several as a list (RFC 7519 section 4.1.3).
fn audience<S: serde::Serializer>(audience: &&[String], serializer: S) -> Result<S::Ok, S::Error> {
    match audience {
        [only] => serializer.serialize_str(only),
        several => several.serialize(serializer),
    }
}

/// Signs the access token of a grant that is about to be stored or changed.
///
/// # Errors
/// Status 503 if the signer cannot sign now, a server error if an extension sets a claim that is not its own.
pub(super) async fn sign(
    engine: &Engine,
    client: &Client,
    record: &GrantRecord,
    scope: &GrantedScope,
    prepared: &Prepared,
    now: Timestamp,
) -> Result<NewToken, OAuthError> {
    let keys =
        engine.keys.as_ref().ok_or_else(|| OAuthError::server_error("the server has no signing keys"))?;
    if let Some(name) = prepared.claims.keys().find(|name| RESERVED_CLAIMS.contains(&name.as_str())) {
        return Err(OAuthError::server_error(format!(
            "an extension set the claim {name:?} of an access token"
        )));
    }
    let id = new_jwt_id(record.id, &*engine.entropy)?;
    let own = [engine.issuer().to_owned()];
    let resources = prepared.audience.as_deref().unwrap_or(&record.resources);
    let subject = record.subject.as_deref().map(|subject| subject_for(engine, client, subject));
    let authentication = record.authentication.as_deref();
    let claims = Claims {
        jti: &id,
        iss: engine.issuer(),
        sub: subject.as_deref().unwrap_or(&record.client_id),
        aud: if resources.is_empty() { &own } else { resources },
        // The client of an exchange need not be that of the grant.
        client_id: client.id(),
        iat: now.as_secs(),
        exp: prepared.expiry(now.after(engine.access_token_lifetime(client))).as_secs(),
        scope: scope.as_scope().as_str(),
        auth_time: authentication.and_then(|signed_in| signed_in.auth_time).map(Timestamp::as_secs),
        acr: authentication.and_then(|signed_in| signed_in.acr.as_deref()),
        amr: authentication.map(|signed_in| &*signed_in.amr).unwrap_or_default(),
        cnf: prepared.binding.as_deref(),
        act: prepared.exchange.as_ref().and_then(|exchange| exchange.act.as_ref()),
        others: &prepared.claims,
    };
    let text = keys.sign(engine.access_tokens.algorithm, "at+jwt", &claims, now).await?;
    Ok(NewToken::of_jwt(text))
}
