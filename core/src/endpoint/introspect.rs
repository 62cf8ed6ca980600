//! Token introspection (RFC 7662).

use http::StatusCode;
use serde_json::{Value, json};

use crate::client_auth;
use crate::env::Timestamp;
use crate::http::{Request, RequestContext, Response, form, json_response};
use crate::model::{AuthMethod, GrantRecord};
use crate::protocol::{OAuthError, Scope};
use crate::server::Inner;
use crate::token::{PresentedToken, TokenKind};

/// How clients may authenticate here: RFC 7662 section 2.1 wants them to, so that nobody can scan for tokens.
pub(crate) const METHODS: [AuthMethod; 2] = [AuthMethod::Basic, AuthMethod::Post];

pub(crate) async fn answer(server: &Inner, request: &Request) -> Result<Response, OAuthError> {
    let context = RequestContext::of(request);
    let parameters = form(request)?;
    let client =
        client_auth::authenticate(server, request.headers(), &parameters, &METHODS, &context).await?;
    let token = parameters.get("token").ok_or_else(|| OAuthError::invalid_request("token is missing"))?;
    let described = match PresentedToken::parse(token) {
        Some(token) => {
            let mut buffer = [0; 36];
            let record = server.store.read::<GrantRecord>(token.grant_id().row_id(&mut buffer)).await?;
            record
                .filter(|record| client.is_resource_server() || record.client_id == client.id())
                .and_then(|record| describe(&token, &record, server))
        }
        None => None,
    };
    // RFC 7662 section 2.2: of a token that is not good, or not this client's to know, nothing more is said.
    Ok(json_response(StatusCode::OK, &described.unwrap_or_else(|| json!({ "active": false }))))
}

fn describe(token: &PresentedToken, record: &GrantRecord, server: &Inner) -> Option<Value> {
    let now = server.clock.now();
    let state = match token.kind() {
        TokenKind::Access => {
            let access = record.access_token(token.digest(), now)?;
            let scope = access.scope.as_ref().unwrap_or(&record.scope);
            State { scope, issued: access.issued, expires: access.expires, token_type: Some("Bearer") }
        }
        TokenKind::Refresh => {
            let refresh = record.refresh.as_ref().filter(|refresh| refresh.digest.matches(token.digest()))?;
            let expires = refresh.expires.min(refresh.chain_expires);
            if now >= expires {
                return None;
            }
            State { scope: &record.scope, issued: record.issued, expires, token_type: None }
        }
        TokenKind::Code => return None,
    };
    Some(state.describe(record, &server.issuer.url))
}

struct State<'a> {
    scope: &'a Scope,
    issued: Timestamp,
    expires: Timestamp,
    token_type: Option<&'static str>,
}

impl State<'_> {
    fn describe(&self, record: &GrantRecord, issuer: &str) -> Value {
        let mut members = serde_json::Map::new();
        members.insert("active".to_owned(), json!(true));
        if !self.scope.is_empty() {
            members.insert("scope".to_owned(), json!(self.scope.as_str()));
        }
        members.insert("client_id".to_owned(), json!(record.client_id));
        members.insert("sub".to_owned(), json!(record.subject.as_deref().unwrap_or(&record.client_id)));
        members.insert("iss".to_owned(), json!(issuer));
        members.insert("iat".to_owned(), json!(self.issued.as_secs()));
        members.insert("exp".to_owned(), json!(self.expires.as_secs()));
        if let Some(token_type) = self.token_type {
            members.insert("token_type".to_owned(), json!(token_type));
        }
        Value::Object(members)
    }
}
