//! The logout token (Back-Channel Logout section 2.4).

use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};

use crate::engine::Engine;
use crate::jose::encode;
use crate::model::{Client, LogoutNotice};
use crate::openid::{id_token_algorithm, session_for, subject_for};
use crate::protocol::OAuthError;
use crate::token::Secret;

/// Two minutes, as section 2.4 recommends: each try has a token of its own.
const LIFETIME: Duration = Duration::from_secs(120);

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

#[derive(Serialize)]
struct Payload<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    iat: i64,
    exp: i64,
    jti: String,
    sid: &'a str,
    events: Value,
}

/// Signs a logout token for a client, as its ID tokens are signed.
pub(super) async fn logout_token(
    engine: &Engine,
    client: &Client,
    notice: &LogoutNotice,
) -> Result<Secret, OAuthError> {
    let algorithm = id_token_algorithm(engine, client)?;
    let keys =
        engine.keys.as_ref().ok_or_else(|| OAuthError::server_error("the server has no signing keys"))?;
    let mut id = [0; 16];
    engine.entropy.fill(&mut id)?;
    let now = engine.clock.now();
    let payload = Payload {
        iss: engine.issuer(),
        sub: &subject_for(engine, client, &notice.subject),
        aud: client.id(),
        iat: now.as_secs(),
        exp: now.after(LIFETIME).as_secs(),
        jti: encode(id),
        sid: &session_for(engine, client, &notice.session),
        events: json!({ EVENT: {} }),
    };
    keys.sign(algorithm, "logout+jwt", &payload, now).await
}
