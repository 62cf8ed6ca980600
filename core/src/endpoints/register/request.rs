//! Reads a registration, and makes the client of it.

use std::net::IpAddr;

use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value};

use super::desk::RegistrationDesk;
use super::sector;
use crate::clients::{
    ClientRules, ClientSecretHash, Declared, GeneratedSecret, RegistrationRequest, generate_client_secret,
    invalid, invalid_statement,
};
use crate::engine::Engine;
use crate::events::TokenRefusal;
use crate::guard::Rejection;
use crate::http::{AuthorizationHeader, Request, authorization_of};
use crate::model::{AuthMethod, Client, SharedSecret};
use crate::protocol::OAuthError;

/// The longest registration, in bytes.
const LONGEST: usize = 16 * 1024;

/// The bearer token of a request.
pub(super) fn bearer(request: &Request) -> Result<&str, Rejection> {
    match authorization_of(request) {
        AuthorizationHeader::Scheme { name, credentials } if name.eq_ignore_ascii_case("bearer") => {
            Ok(credentials)
        }
        AuthorizationHeader::Malformed => Err(Rejection::malformed_request()),
        AuthorizationHeader::Absent => Err(Rejection::no_credentials(TokenRefusal::NoToken)),
        AuthorizationHeader::Scheme { .. } => Err(Rejection::no_credentials(TokenRefusal::OtherScheme)),
    }
}

/// The members of a JSON object, none of them twice: which of two counts is not defined (RFC 8259 section 4).
struct Members(Map<String, Value>);

impl<'de> serde::Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        struct Unique;

        impl<'de> Visitor<'de> for Unique {
            type Value = Members;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Members, A::Error> {
                let mut members = Map::new();
                while let Some((name, value)) = object.next_entry::<String, Value>()? {
                    if members.insert(name, value).is_some() {
                        return Err(serde::de::Error::custom("a member is repeated"));
                    }
                }
                Ok(Members(members))
            }
        }

        json.deserialize_map(Unique)
    }
}

/// The members of the body.
pub(super) fn members(request: &Request) -> Result<Map<String, Value>, OAuthError> {
    let types: Vec<_> = request.headers().get_all(CONTENT_TYPE).iter().collect();
    let essence = |value: &http::HeaderValue| {
        value.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    };
    if types.len() != 1 || types.iter().any(|value| essence(value) != "application/json") {
        return Err(OAuthError::invalid_request("the body must be application/json"));
    }
    if request.headers().contains_key(CONTENT_ENCODING) {
        return Err(OAuthError::invalid_request("the body must not be encoded"));
    }
    if request.body().len() > LONGEST {
        return Err(invalid("the metadata is longer than 16 kB"));
    }
    let members: Members = serde_json::from_slice(request.body())
        .map_err(|_| invalid("the body must be a JSON object without repeated members"))?;
    Ok(members.0)
}

/// Who registers.
pub(super) enum Registrant<'a> {
    New,
    /// A client that changes its registration.
    Known(&'a Client),
}

/// The client of a registration, and its secret if it gets a new one. It has no id yet, or that of the client that changes.
pub(super) async fn client(
    desk: &RegistrationDesk,
    engine: &Engine,
    mut members: Map<String, Value>,
    who: Registrant<'_>,
    address: Option<IpAddr>,
) -> Result<(Client, Option<GeneratedSecret>), OAuthError> {
    let RegistrationDesk { registration, rules, usability, .. } = desk;
    let text = members.remove("software_statement").filter(|value| !value.is_null());
    let statement = match &text {
        None if registration.requires_statement => return Err(invalid_statement("it is missing")),
        None => None,
        Some(Value::String(text)) => Some(registration.statement(text, engine.clock().now())?),
        Some(_) => return Err(invalid_statement("it must be a text")),
    };
    // RFC 7591 section 3.1.1: what the statement says takes precedence.
    for (name, value) in statement.iter().flatten() {
        members.insert(name.clone(), value.clone());
    }
    let before = match who {
        Registrant::New => None,
        Registrant::Known(client) => Some(client),
    };
    let mut request = RegistrationRequest {
        metadata: members,
        address,
        statement: statement.as_ref(),
        client_id: before.map(Client::id),
        grant_types: Vec::new(),
        scopes: Vec::new(),
    };
    registration.decide(&mut request)?;
    let RegistrationRequest { metadata, grant_types, scopes, .. } = request;
    let rules = ClientRules {
        grant_types: [&rules.grant_types[..], &grant_types].concat(),
        scope: rules.scope.union(&scopes.join(" ").parse().unwrap_or_default()),
        methods: rules.methods.clone(),
    };
    let declared = Declared::read(metadata)?;
    let method = declared.auth_method.clone().unwrap_or(AuthMethod::Basic);
    if !rules.methods.contains(&method) {
        return Err(invalid("token_endpoint_auth_method: the server does not have this method"));
    }
    let has_secret = matches!(method, AuthMethod::Basic | AuthMethod::Post | AuthMethod::SecretJwt);
    let kept = before.filter(|before| keeps_secret(before, &method));
    let secret = match kept {
        None if has_secret => Some(generate_client_secret(&*engine.entropy)?),
        _ => None,
    };
    let id = "unnamed";
    let begun = match (&secret, kept) {
        (Some(secret), _) => Client::confidential(id, ClientSecretHash::of_generated(secret))
            .shared_secret(SharedSecret::from(secret)),
        (None, Some(before)) => {
            match (before.secret(), engine.shared_secrets(before).await?.into_iter().next()) {
                (Some(hash), _) => Client::confidential(id, hash.clone()),
                (None, Some(shared)) => Client::with_shared_secret(id, shared),
                (None, None) => return Err(OAuthError::server_error("the client's secret cannot be read")),
            }
        }
        (None, None) => Client::public(id),
    };
    let mut client = declared.complete(begun.auth_method(method), &rules)?;
    if let Some(text) = text {
        // RFC 7591 section 3.2.1: it is returned unmodified.
        client.body.metadata.insert("software_statement".to_owned(), text);
    }
    if let Some(problem) = usability.problems_of(engine, &client).into_iter().next() {
        return Err(invalid(problem));
    }
    sector::check(engine, &client).await?;
    client.registered = before.map_or_else(|| engine.clock().now(), |before| before.registered);
    Ok((client, secret))
}

/// Whether a client that changes keeps its secret: it has one that does for the method.
fn keeps_secret(before: &Client, method: &AuthMethod) -> bool {
    let is_shared = *before.auth_method() == AuthMethod::SecretJwt;
    match method {
        AuthMethod::Basic | AuthMethod::Post => before.secret().is_some(),
        AuthMethod::SecretJwt => is_shared,
        _ => false,
    }
}
