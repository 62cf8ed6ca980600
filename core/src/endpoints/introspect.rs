//! Token introspection (RFC 7662).

use async_trait::async_trait;
use http::header::ACCEPT;
use http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use crate::endpoint::{Endpoint, EndpointPath, EndpointRequest, Metadata};
use crate::engine::Engine;
use crate::env::Timestamp;
use crate::http::{Request, Response, json_response, no_store, response};
use crate::jose::Algorithm;
use crate::keys::Keys;
use crate::model::{AccessState, AuthMethod, Client, GrantRecord};
use crate::openid::{is_pairwise, subject_for};
use crate::protocol::{OAuthError, Scope, TokenType};
use crate::token::{Binding, PresentedToken, TokenKind};

/// RFC 7662 section 2.1: clients must authenticate, so that nobody can scan for tokens.
fn methods(engine: &Engine) -> impl Iterator<Item = &AuthMethod> {
    engine.client_methods.iter().filter(|method| **method != AuthMethod::None)
}

pub(crate) struct Introspect;

#[async_trait]
impl Endpoint for Introspect {
    fn path(&self) -> EndpointPath<'_> {
        EndpointPath::Mounted("/introspect")
    }

    fn methods(&self) -> &[Method] {
        &[Method::POST]
    }

    fn describe(&self, engine: &Engine, metadata: &mut Metadata) {
        metadata.insert("introspection_endpoint", engine.url("/introspect"));
        metadata.add_authentication("introspection_endpoint", methods(engine));
        if let Some(keys) = &engine.keys {
            let names = keys.0.algorithms().into_iter().map(Algorithm::name);
            metadata.add("introspection_signing_alg_values_supported", names);
        }
    }

    async fn answer(&self, request: &EndpointRequest<'_>) -> Result<Response, OAuthError> {
        let parameters = request.form()?;
        let methods: Vec<AuthMethod> = methods(request.engine).cloned().collect();
        let client = request.authenticate_client(&parameters, &methods).await?;
        let token = parameters.get("token").ok_or_else(|| OAuthError::invalid_request("token is missing"))?;
        let engine = request.engine;
        let is_signed = wants_signed(request.http);
        let described = match PresentedToken::parse(token) {
            Some(token) => {
                let mut buffer = [0; 36];
                let record = engine.store.read::<GrantRecord>(token.grant_id().row_id(&mut buffer)).await?;
                let record = record
                    .filter(|record| client.is_resource_server() || client_of(&token, record) == client.id());
                match record.and_then(|record| Some((describe(&token, &record, engine)?, record))) {
                    // What a pairwise client sees of its own token must not tell who the user is elsewhere.
                    Some((mut described, record)) if is_pairwise(&client) && !client.is_resource_server() => {
                        if let Some(subject) = &record.subject {
                            described["sub"] = json!(subject_for(engine, &client, subject));
                        }
                        Some(described)
                    }
                    Some((described, record)) => Some(with_username(described, &record, engine).await?),
                    None => None,
                }
            }
            None => None,
        };
        // RFC 7662 section 2.2: no more is disclosed about an invalid token, or one that this client may not introspect.
        let described = described.unwrap_or_else(|| json!({ "active": false }));
        match &engine.keys {
            Some(keys) if is_signed => signed(engine, keys, &client, &described).await,
            _ => Ok(json_response(StatusCode::OK, &described)),
        }
    }
}

/// The media type of a signed answer (RFC 9701 section 4).
const SIGNED: &str = "application/token-introspection+jwt";

fn wants_signed(request: &Request) -> bool {
    let accepted = request.headers().get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut types = accepted.flat_map(|value| value.split(','));
    types.any(|range| range.split(';').next().is_some_and(|name| name.trim().eq_ignore_ascii_case(SIGNED)))
}

/// The answer as a signed token, for resource servers that need evidence of it (RFC 9701 section 5).
async fn signed(
    engine: &Engine,
    keys: &Keys,
    client: &Client,
    described: &Value,
) -> Result<Response, OAuthError> {
    let algorithm = match client.metadata("introspection_signed_response_alg") {
        None => Some(engine.id_token_algorithm),
        Some(name) => Algorithm::from_name(name),
    };
    let algorithm =
        algorithm.filter(|algorithm| keys.0.algorithms().contains(algorithm)).ok_or_else(|| {
            OAuthError::unauthorized_client(
                "the server does not sign with the client's introspection_signed_response_alg",
            )
        })?;
    let now = engine.clock.now();
    let claims = json!({
        "iss": engine.issuer(),
        "aud": client.id(),
        "iat": now.as_secs(),
        "token_introspection": described,
    });
    let token = keys.sign(algorithm, "token-introspection+jwt", &claims, now).await?;
    Ok(no_store(response(StatusCode::OK, SIGNED, token.expose().to_owned())))
}

/// Adds the name of the user, where one stands behind the token: `sub` alone does not tell people and clients apart (RFC 9700
/// section 4.15).
async fn with_username(
    mut described: Value,
    record: &GrantRecord,
    engine: &Engine,
) -> Result<Value, OAuthError> {
    if let Some(subject) = &record.subject {
        let kept = record.authentication.as_ref().and_then(|signed_in| signed_in.username.clone());
        let username = match kept {
            Some(username) => Some(username),
            None => engine.users.find(subject).await?.map(|user| user.username().to_owned()),
        };
        if let Some(username) = username {
            described["username"] = json!(username);
        }
    }
    Ok(described)
}

/// The client that a token was issued to.
fn client_of<'a>(token: &PresentedToken, record: &'a GrantRecord) -> &'a str {
    let access = record.access.iter().find(|access| access.digest.matches(token.digest()));
    access.map_or(&*record.client_id, |access| record.client_of(access))
}

fn describe(token: &PresentedToken, record: &GrantRecord, engine: &Engine) -> Option<Value> {
    let now = engine.clock.now();
    let state = match token.kind() {
        TokenKind::Access => {
            let access = record.access_token(token.digest(), now)?;
            let scope = access.scope.as_ref().unwrap_or(&record.scope);
            State { scope, issued: access.issued, expires: access.expires, access: Some(access) }
        }
        TokenKind::Refresh => {
            let refresh = record.refresh.as_ref().filter(|refresh| refresh.digest.matches(token.digest()))?;
            let expires = refresh.expires.min(refresh.chain_expires);
            if now >= expires {
                return None;
            }
            State { scope: &record.scope, issued: record.issued, expires, access: None }
        }
        TokenKind::Code => return None,
    };
    Some(state.describe(record, engine.issuer()))
}

struct State<'a> {
    scope: &'a Scope,
    issued: Timestamp,
    expires: Timestamp,
    /// For an access token, its state in the row.
    access: Option<&'a AccessState>,
}

impl State<'_> {
    fn describe(&self, record: &GrantRecord, issuer: &str) -> Value {
        let mut members = Map::new();
        let mut tell = |name: &str, value: Value| members.insert(name.to_owned(), value);
        tell("active", json!(true));
        if !self.scope.is_empty() {
            tell("scope", json!(self.scope.as_str()));
        }
        let client_id = self.access.map_or(&*record.client_id, |access| record.client_of(access));
        tell("client_id", json!(client_id));
        tell("sub", json!(record.subject.as_deref().unwrap_or(&record.client_id)));
        tell("iss", json!(issuer));
        tell("iat", json!(self.issued.as_secs()));
        tell("exp", json!(self.expires.as_secs()));
        if let Some(access) = self.access {
            let binding = access.binding.as_deref();
            tell("token_type", json!(binding.map_or(TokenType::Bearer, Binding::token_type).as_str()));
            if let Some(binding) = binding {
                tell("cnf", json!(binding));
            }
            let details = record.details_of(access);
            if !details.is_empty() {
                tell("authorization_details", json!(details));
            }
            if let Some(act) = access.act() {
                tell("act", act.clone());
            }
            let audience = match access.audience.is_empty() {
                true => json!([issuer]),
                false => json!(access.audience),
            };
            tell("aud", audience);
        }
        Value::Object(members)
    }
}
