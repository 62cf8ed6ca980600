//! A web application that signs people in at another server: at gridauth, or at any OpenID provider.

use std::collections::HashMap;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header::COOKIE, header::SET_COOKIE};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::{Router, routing::get};
use gridauth::env::{Clock, SystemClock};
use gridauth::jose::{Jws, KeySet};
use gridauth_small::{get_json, post_json, random_text, s256};
use serde_json::Value;

#[derive(Clone)]
struct Site {
    /// What the provider says of itself.
    provider: Arc<Value>,
    /// The PKCE verifiers of the sign-ins that have begun, by state.
    begun: Arc<Mutex<HashMap<String, String>>>,
}

const CLIENT: &str = "client_id=shop&redirect_uri=http://127.0.0.1:8080/cb";

async fn begin(State(site): State<Site>) -> Result<Response, StatusCode> {
    let random = || random_text().map_err(|_| StatusCode::SERVICE_UNAVAILABLE);
    let (state, verifier) = (random()?, random()? + &random()?);
    // The state is the nonce too: both tie what comes back to this browser and to this sign-in.
    let query = format!("response_type=code&scope=openid+profile&{CLIENT}&state={state}&nonce={state}");
    let pkce = format!("code_challenge_method=S256&code_challenge={}", s256(&verifier));
    site.begun.lock().unwrap_or_else(PoisonError::into_inner).insert(state.clone(), verifier);
    let at = site.provider["authorization_endpoint"].as_str().unwrap_or_default();
    let cookie = format!("state={state}; Path=/cb; HttpOnly; SameSite=Lax");
    Ok(([(SET_COOKIE, cookie)], Redirect::to(&format!("{at}?{query}&{pkce}"))).into_response())
}

async fn finish(site: State<Site>, headers: HeaderMap, query: Query<HashMap<String, String>>) -> Response {
    let cookies = headers.get(COOKIE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let own = cookies.split("; ").find_map(|one| one.strip_prefix("state="));
    let state = query.get("state").filter(|state| own == Some(state));
    let begun = |state| site.begun.lock().unwrap_or_else(PoisonError::into_inner).remove(state);
    let (Some(state), Some(verifier), Some(code)) = (state, state.and_then(begun), query.get("code")) else {
        return (StatusCode::BAD_REQUEST, "this sign-in did not begin here, or was refused").into_response();
    };
    match person(&site.provider, state, &verifier, code).await {
        // Here the application begins a session of its own, for the subject.
        Ok(claims) => Html(format!("Signed in as {}", claims["sub"])).into_response(),
        Err(error) => {
            (StatusCode::BAD_GATEWAY, format!("the provider's answer is not valid: {error}")).into_response()
        }
    }
}

/// Redeems the code, and verifies the ID token (OpenID Connect Core section 3.1.3.7).
async fn person(provider: &Value, nonce: &str, verifier: &str, code: &str) -> Result<Value, Box<dyn Error>> {
    let grant = [("grant_type", "authorization_code"), ("code", code), ("code_verifier", verifier)];
    let tokens = post_json(&provider["token_endpoint"], CLIENT, &grant).await?;
    let keys = KeySet::from_jwks(&get_json(&provider["jwks_uri"]).await?)?;
    let jws = Jws::parse(tokens["id_token"].as_str().ok_or("there is no ID token")?)?;
    let claims: Value = jws.claims().ok_or("its claims cannot be read")?;
    let is_for_us =
        claims["iss"] == provider["issuer"] && claims["aud"] == "shop" && claims["nonce"] == nonce;
    let is_live = claims["exp"].as_i64().is_some_and(|expires| SystemClock.now().as_secs() < expires);
    let is_valid = keys.signer_of(&jws).is_some() && is_for_us && is_live;
    is_valid.then_some(claims).ok_or_else(|| "the ID token is not valid".into())
}

pub(crate) async fn app(issuer: &str) -> Result<Router, Box<dyn Error>> {
    let provider = get_json(&format!("{issuer}/.well-known/openid-configuration").into()).await?;
    let site = Site { provider: provider.into(), begun: Arc::default() };
    Ok(Router::new().route("/", get(begin)).route("/cb", get(finish)).with_state(site))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    Ok(gridauth_small::serve(app("http://127.0.0.1:9000").await?).await?)
}
