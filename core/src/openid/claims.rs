//! Claims about the user (OpenID Connect Core section 5).

use serde_json::{Map, Value};

use super::claims_request::{Place, Wanted};
use super::scope_claims::{ScopeClaims, base_of};
use crate::model::User;
use crate::protocol::Scope;

/// Claims that say who the token is about, for whom and until when. A user's own claims cannot replace them.
const RESERVED: [&str; 16] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "nbf",
    "jti",
    "nonce",
    "auth_time",
    "acr",
    "amr",
    "azp",
    "sid",
    "at_hash",
    "c_hash",
    "s_hash",
];

/// The claims about a user for one place: those that the scope gives there, and those that were asked for by name and that a scope of
/// the client gives.
pub(crate) fn claims_of(
    user: &User,
    scope_claims: &ScopeClaims,
    place: Place,
    scope: &Scope,
    wanted: &Wanted<'_>,
) -> Map<String, Value> {
    let mut told = Map::new();
    let mut known = user.claims().clone();
    // What people sign in with is what they prefer to be called, unless they said otherwise.
    known.entry("preferred_username").or_insert_with(|| user.username().into());
    for (name, value) in known {
        if RESERVED.contains(&base_of(&name)) || value.is_null() {
            continue;
        }
        let by_scope = place.has_scope_claims() && scope_claims.gives(scope, &name);
        let by_name = wanted.names(&name) && scope_claims.gives(wanted.allowed, &name);
        if by_scope || by_name {
            told.insert(name, value);
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::ClaimsRequest;
    use super::*;

    fn user() -> User {
        let claims = json!({
            "name": "Israel", "name#ja": "\u{30a4}", "email": "israel@example.com", "email_verified": true,
            "groups": ["staff"], "sub": "evil", "iss": "evil", "phone_number": null,
        });
        User::new("248289761001").named("israel").with_claims(claims.as_object().unwrap().clone())
    }

    fn names(place: Place, scope: &str, request: &str, allowed: &str) -> Vec<String> {
        let mut scope_claims = ScopeClaims::default();
        scope_claims.add("groups".to_owned(), vec!["groups".to_owned()]);
        let request = ClaimsRequest::parse(request).unwrap();
        let allowed = allowed.parse().unwrap();
        let wanted = request.wanted(place, &allowed);
        claims_of(&user(), &scope_claims, place, &scope.parse().unwrap(), &wanted).keys().cloned().collect()
    }

    #[test]
    fn scopes_give_their_claims_and_nothing_else() {
        let names = |scope| names(Place::UserInfo, scope, "{}", scope);
        assert_eq!(names("openid"), [""; 0]);
        assert_eq!(names("openid profile"), ["name", "name#ja", "preferred_username"]);
        assert_eq!(names("openid email groups"), ["email", "email_verified", "groups"]);
        assert_eq!(names("openid phone address"), [""; 0]);
    }

    #[test]
    fn a_claim_asked_for_by_name_needs_the_clients_scope() {
        let request = r#"{"userinfo":{"email":null,"groups":{"essential":true}},"id_token":{"name#ja":null,"sub":null}}"#;
        assert_eq!(names(Place::UserInfo, "openid", request, "openid email"), ["email"]);
        assert_eq!(names(Place::IdToken, "openid", request, "openid email profile"), ["name#ja"]);
        assert_eq!(names(Place::IdToken, "openid profile", request, "openid"), [""; 0]);
        assert_eq!(names(Place::LoneIdToken, "openid email", "{}", ""), ["email", "email_verified"]);
    }
}
