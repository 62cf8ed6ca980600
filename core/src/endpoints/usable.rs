//! Whether a client can use what it is registered for, here.

use std::sync::Arc;

use serde_json::Value;

use crate::client_auth::RegisteredSubject;
use crate::engine::Engine;
use crate::fetch::{FetchRequest, PlainHttp, Reach};
use crate::grant::{AuthorizationSide, Registry};
use crate::guard::{STANDARD_SCOPES, ScopeDescription};
use crate::jose::{Algorithm, KeySet};
use crate::model::{AuthMethod, Client};
use crate::openid::{is_pairwise, sector_of};

/// The grants that issue no refresh token (RFC 6749 sections 4.2.2 and 4.4.3), and the one that needs one.
const WITHOUT_REFRESH_TOKEN: [&str; 5] = [
    "client_credentials",
    "implicit",
    "refresh_token",
    "urn:ietf:params:oauth:grant-type:jwt-bearer",
    "urn:ietf:params:oauth:grant-type:token-exchange",
];

/// What a server has for clients.
#[derive(Clone)]
pub(crate) struct Usability {
    pub(crate) grants: Arc<Registry>,
    /// The scopes that the application declared.
    pub(crate) scopes: Vec<ScopeDescription>,
}

impl Usability {
    /// What a client is registered for and cannot use, one text for each, with what to change. Empty where all is well.
    pub(crate) fn problems_of(&self, engine: &Engine, client: &Client) -> Vec<String> {
        let mut problems = Vec::new();
        for grant_type in client.grant_types() {
            problems.extend(self.problem_of_grant_type(engine, client, grant_type));
            problems.extend(self.missing_beside(client, grant_type));
        }
        let grants = &self.grants;
        let redirects = grants.authorization_sides().any(|side| side.is_open_to(client));
        if redirects && client.redirect_uris().is_empty() {
            problems.push("a grant of the client redirects: register a redirect_uri".to_owned());
        }
        for response_type in client.response_types() {
            problems.extend(self.problems_of_response_type(client, response_type));
        }
        let declared = &self.scopes;
        if !declared.is_empty() {
            let is_known = |token: &str| {
                STANDARD_SCOPES.contains(&token) || declared.iter().any(|scope| scope.token == token)
            };
            for token in client.scope().iter().filter(|token| !is_known(token)) {
                problems.push(format!(
                    "the scope {token:?} is not declared: name it in scopes!, or leave it out"
                ));
            }
        }
        if engine.is_jwt(client) && engine.keys.is_none() {
            problems.push(
                "its access tokens are to be JWTs, and the server has no signing keys: call .openid(..), .signer(..) or \
                 .access_token_format(..), or leave them opaque"
                    .to_owned(),
            );
        }
        if let Some(member) = client.unmet(&engine.requests.met()) {
            problems.push(format!(
                "{member}: the server cannot do what it asks for, so the client cannot be used: leave it out, or wait for it"
            ));
        }
        if is_pairwise(client) && sector_of(client).is_none() {
            problems.push(
                "a pairwise client with redirect URIs on several hosts needs a sector_identifier_uri (OpenID Connect Core section 8.1)"
                    .to_owned(),
            );
        }
        if client.metadata("backchannel_logout_uri").is_some() && engine.fetch.is_none() {
            problems.push(
                "backchannel_logout_uri: the server makes no outgoing requests: enable the feature fetch or call .fetch(..)"
                    .to_owned(),
            );
        }
        for member in ["id_token_signed_response_alg", "userinfo_signed_response_alg"] {
            let signs = |name: &str| {
                let named = Algorithm::from_name(name);
                engine.keys.as_ref().is_none_or(|keys| {
                    named.is_some_and(|algorithm| keys.0.algorithms().contains(&algorithm))
                })
            };
            if let Some(name) = client.metadata(member).filter(|name| !signs(name)) {
                problems.push(format!("{member}: the server does not sign with {name:?}"));
            }
        }
        problems.extend(problem_of_keys(client));
        problems.extend(problem_of_shared_secret(client));
        problems.extend(problem_of_certificate(client, engine.mutual_tls.is_some()));
        problems
    }

    fn problems_of_response_type(&self, client: &Client, response_type: &str) -> Vec<String> {
        // `code` is there by default (RFC 7591 section 2).
        if response_type == "code" && !client.allows_grant("authorization_code") {
            return Vec::new();
        }
        let Some((_, side)) = self.grants.authorization_side(response_type) else {
            return vec![format!(
                "no grant of the server answers the response type {response_type:?}: register one with .grant(..), or \
                 leave the response type out"
            )];
        };
        let missing = side.grant_types().filter(|needed| !client.allows_grant(needed));
        let say = |grant_type: &str| {
            format!(
                "the response type {response_type:?} needs the grant type {grant_type:?}: add it to grant_types, or leave \
                 the response type out"
            )
        };
        missing.map(say).collect()
    }

    /// RFC 7591 section 2.1: what the client must be registered for beside this grant type, and is not.
    fn missing_beside(&self, client: &Client, grant_type: &str) -> Option<String> {
        let is_source = |other: &str| !WITHOUT_REFRESH_TOKEN.contains(&other);
        if grant_type == "refresh_token" && !client.grant_types().any(is_source) {
            return Some(
                "no grant type of the client issues refresh tokens: add one that does, as authorization_code, or leave \
                 \"refresh_token\" out"
                    .to_owned(),
            );
        }
        let sides = self.sides_that_need(grant_type);
        let answered: Vec<_> = sides.map(|side| side.response_type()).collect();
        let has_one = answered.iter().any(|response_type| client.allows_response_type(response_type));
        (!answered.is_empty() && !has_one).then(|| {
            format!(
                "the grant type {grant_type:?} needs the response type \"{}\": add it to response_types, or leave the \
                 grant type out",
                answered.join("\" or \"")
            )
        })
    }

    fn sides_that_need<'a>(&'a self, grant_type: &'a str) -> impl Iterator<Item = &'a dyn AuthorizationSide> {
        let sides = self.grants.authorization_sides();
        sides.filter(move |side| side.grant_types().any(|needed| needed == grant_type))
    }

    fn problem_of_grant_type(&self, engine: &Engine, client: &Client, grant_type: &str) -> Option<String> {
        let (grants, method) = (&self.grants, client.auth_method());
        let token_side = grants.token_side(grant_type).map(|(_, side)| side);
        let needing = || self.sides_that_need(grant_type);
        if token_side.is_none() && needing().next().is_none() {
            return Some(format!(
                "the server lacks the grant type {grant_type:?}: register it with .grant(..), or leave it out"
            ));
        }
        let has = |methods: &[AuthMethod]| methods.contains(method);
        let serves = |side: &dyn AuthorizationSide| {
            has(side.client_authentication().unwrap_or(&engine.client_methods))
        };
        // Several response types may need one grant type, and serve different clients: `token` is for public ones by default.
        let mut wanted =
            needing().filter(|side| client.allows_response_type(side.response_type())).peekable();
        let is_answered = match wanted.peek() {
            Some(_) => wanted.all(serves),
            None => needing().next().is_none() || needing().any(serves),
        };
        let is_served = token_side.is_none_or(|side| has(side.client_authentication())) && is_answered;
        (!is_served).then(|| {
            format!(
                "the grant type {grant_type:?} does not serve clients with token_endpoint_auth_method {:?}: give the \
                 client another one, or the grant this one with .client_authentication(..)",
                method.as_str()
            )
        })
    }
}

/// A client that signs assertions needs a key for them.
fn problem_of_keys(client: &Client) -> Option<String> {
    let only = client.metadata_value("token_endpoint_auth_signing_alg");
    let named = only.and_then(Value::as_str);
    let algorithm = named.and_then(Algorithm::from_name);
    if *client.auth_method() != AuthMethod::PrivateKeyJwt {
        return None;
    }
    if only.is_some() && algorithm.is_none() {
        return Some(format!(
            "token_endpoint_auth_signing_alg: a client with private_key_jwt signs with one of {}",
            Algorithm::ALL.map(Algorithm::name).join(", ")
        ));
    }
    if let Some(url) = client.metadata("jwks_uri") {
        let error = FetchRequest::get(url, PlainHttp::Loopback, Reach::Anywhere).err();
        return error.map(|error| format!("jwks_uri: {error}"));
    }
    let keys =
        client.metadata_value("jwks").and_then(|jwks| KeySet::from_jwks(jwks).ok()).unwrap_or_default();
    let is_usable = keys.iter().any(|key| algorithm.is_none_or(|algorithm| key.fits(algorithm)));
    (!is_usable).then(|| {
        "a client with private_key_jwt needs a public key in its jwks, for signatures (RSA of 2048 to 8192 bits, P-256 or \
         Ed25519), or a jwks_uri"
            .to_owned()
    })
}

/// A client with a certificate registers whose it is, or the certificate itself.
fn problem_of_certificate(client: &Client, has_mutual_tls: bool) -> Option<String> {
    let method = client.auth_method();
    let uses_certificates = [AuthMethod::TlsClientAuth, AuthMethod::SelfSignedTlsClientAuth].contains(method);
    if (uses_certificates || client.needs_certificate()) && !has_mutual_tls {
        return Some("the server knows no certificates of clients: call .mutual_tls(..)".to_owned());
    }
    match method {
        AuthMethod::TlsClientAuth => RegisteredSubject::of(client).err().map(str::to_owned),
        AuthMethod::SelfSignedTlsClientAuth => {
            let has_keys = ["jwks", "jwks_uri"].iter().any(|member| client.metadata_value(member).is_some());
            (!has_keys).then(|| {
                "a client with self_signed_tls_client_auth needs its certificate as x5c in its jwks, or a jwks_uri".to_owned()
            })
        }
        _ => None,
    }
}

/// OpenID Connect Core section 10.1: the key of a MAC is at least as long as the MAC. Whoever sees one assertion could otherwise guess
/// the secret without asking the server.
fn problem_of_shared_secret(client: &Client) -> Option<String> {
    if *client.auth_method() != AuthMethod::SecretJwt {
        return None;
    }
    if client.metadata_value("token_endpoint_auth_signing_alg").is_some_and(|only| only != "HS256") {
        return Some(
            "token_endpoint_auth_signing_alg: a client with client_secret_jwt has the algorithm HS256"
                .to_owned(),
        );
    }
    let is_short = client.unsealed.as_ref().is_some_and(|secret| secret.expose().len() < 32);
    is_short.then(|| "a client with client_secret_jwt needs a secret of at least 32 bytes".to_owned())
}
