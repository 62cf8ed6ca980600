//! Whether a client can use what it is registered for, here.

use super::GridAuth;
use crate::guard::STANDARD_SCOPES;
use crate::jose::Algorithm;
use crate::model::{AuthMethod, Client};
use crate::openid::{is_pairwise, sector_of};

impl GridAuth {
    /// What a client is registered for and cannot use on this server, one text for each, with what to change. Empty where all is
    /// well.
    pub fn problems_of(&self, client: &Client) -> Vec<String> {
        let mut problems = Vec::new();
        for grant_type in client.grant_types() {
            problems.extend(self.problem_of_grant_type(client, grant_type));
        }
        let grants = &self.0.grants;
        let redirects = grants.authorization_sides().any(|side| {
            client.allows_grant(side.grant_type()) && client.allows_response_type(side.response_type())
        });
        if redirects && client.redirect_uris().is_empty() {
            problems.push("a grant of the client redirects: register a redirect_uri".to_owned());
        }
        for response_type in client.response_types() {
            // `code` is there by default (RFC 7591 section 2).
            let is_default = response_type == "code" && !client.allows_grant("authorization_code");
            if !is_default && grants.authorization_side(response_type).is_none() {
                problems.push(format!(
                    "no grant of the server answers the response type {response_type:?}: register one with .grant(..), or \
                     leave the response type out"
                ));
            }
        }
        let declared = &self.0.scopes;
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
        let engine = &self.0.engine;
        if engine.is_jwt(client) && engine.keys.is_none() {
            problems.push(
                "its access tokens are to be JWTs, and the server has no signing keys: call .openid(..), .signer(..) or \
                 .access_token_format(..), or leave them opaque"
                    .to_owned(),
            );
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
        problems
    }

    fn problem_of_grant_type(&self, client: &Client, grant_type: &str) -> Option<String> {
        let (grants, method) = (&self.0.grants, client.auth_method());
        let token_side = grants.token_side(grant_type).map(|(_, side)| side);
        let mut authorization_sides =
            grants.authorization_sides().filter(|side| side.grant_type() == grant_type).peekable();
        if token_side.is_none() && authorization_sides.peek().is_none() {
            return Some(format!(
                "the server lacks the grant type {grant_type:?}: register it with .grant(..), or leave it out"
            ));
        }
        let has = |methods: &[AuthMethod]| methods.contains(method);
        let is_served = token_side.is_none_or(|side| has(side.client_authentication()))
            && authorization_sides
                .all(|side| has(side.client_authentication().unwrap_or(&self.0.engine.client_methods)));
        (!is_served).then(|| {
            format!(
                "the grant type {grant_type:?} does not serve clients with token_endpoint_auth_method {:?}: give the \
                 client another one, or the grant this one with .client_authentication(..)",
                method.as_str()
            )
        })
    }
}
