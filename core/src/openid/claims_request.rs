//! The parameter `claims` (OpenID Connect Core section 5.5).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::scope_claims::ScopeClaims;
use crate::protocol::Scope;

/// The longest `claims` parameter, in bytes, and the most claims for one place.
const LONGEST: usize = 8 * 1024;
const MOST: usize = 100;

/// Where claims are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// At the UserInfo endpoint.
    UserInfo,
    /// In an ID token beside an access token, with which the client can ask for the others.
    IdToken,
    /// In an ID token without an access token.
    LoneIdToken,
}

impl Place {
    /// Whether the claims that scopes give are told here (OpenID Connect Core section 5.4).
    pub(super) fn has_scope_claims(self) -> bool {
        self != Self::IdToken
    }
}

/// What a client asks for by name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct ClaimsRequest {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    userinfo: Option<Asked>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id_token: Option<Asked>,
}

type Asked = BTreeMap<String, Option<Individual>>;

/// How one claim is asked for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Individual {
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    essential: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    values: Option<Vec<Value>>,
}

/// What is asked for at one place, within the scope that allows it.
pub(crate) struct Wanted<'a> {
    asked: Option<&'a Asked>,
    pub(super) allowed: &'a Scope,
}

impl Wanted<'_> {
    pub(super) fn names(&self, claim: &str) -> bool {
        self.asked.is_some_and(|asked| asked.contains_key(claim))
    }
}

impl ClaimsRequest {
    /// Reads the parameter; the error says what is wrong with it. What is not understood is ignored, as the specification asks.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        if text.len() > LONGEST {
            return Err("claims is too long");
        }
        let malformed = "claims is not a JSON object of claims and how they are asked for";
        let value: Value = serde_json::from_str(text).map_err(|_| malformed)?;
        // Otherwise a list would do for an object with its members in order.
        if !has_objects(&value) {
            return Err(malformed);
        }
        let request: Self = serde_json::from_value(value).map_err(|_| malformed)?;
        let is_long = |asked: &Option<Asked>| asked.as_ref().is_some_and(|asked| asked.len() > MOST);
        if is_long(&request.userinfo) || is_long(&request.id_token) {
            return Err("claims asks for too many claims");
        }
        // No user has a subject that is not a text.
        if request
            .in_id_token("sub")
            .is_some_and(|sub| sub.value.as_ref().is_some_and(|value| !value.is_string()))
        {
            return Err("claims asks for a sub that is not a text");
        }
        Ok(request)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.all().next().is_none()
    }

    fn all(&self) -> impl Iterator<Item = &String> {
        [&self.userinfo, &self.id_token].into_iter().flatten().flat_map(BTreeMap::keys)
    }

    /// What is asked for at this place, as far as a scope in `allowed` gives it.
    pub(crate) fn wanted<'a>(&'a self, place: Place, allowed: &'a Scope) -> Wanted<'a> {
        let asked = match place {
            Place::UserInfo => &self.userinfo,
            Place::IdToken | Place::LoneIdToken => &self.id_token,
        };
        Wanted { asked: asked.as_ref(), allowed }
    }

    /// The scopes within `allowed` that give what is asked for by name: the user is asked about them.
    pub(crate) fn scopes<'a>(
        &'a self,
        scope_claims: &'a ScopeClaims,
        allowed: &'a Scope,
    ) -> impl Iterator<Item = &'a str> {
        self.all().flat_map(|claim| scope_claims.scopes_of(claim)).filter(|scope| allowed.contains(scope))
    }

    /// The value that the ID token's claim must have, where it is a text.
    pub(crate) fn required_value(&self, claim: &str) -> Option<&str> {
        self.in_id_token(claim)?.value.as_ref()?.as_str()
    }

    /// The values of which the ID token's claim must have one, where the claim is essential.
    pub(crate) fn essential_values(&self, claim: &str) -> Vec<String> {
        let Some(individual) = self.in_id_token(claim).filter(|individual| individual.essential) else {
            return Vec::new();
        };
        let values = individual.value.iter().chain(individual.values.iter().flatten());
        values.filter_map(|value| value.as_str().map(str::to_owned)).collect()
    }

    fn in_id_token(&self, claim: &str) -> Option<&Individual> {
        self.id_token.as_ref()?.get(claim)?.as_ref()
    }
}

/// Whether the request, what it asks for at each place, and how, are objects, or null where they may be.
fn has_objects(request: &Value) -> bool {
    let may_be_null = |value: &Value| value.is_object() || value.is_null();
    let has_objects = |place: &str| {
        let asked = request.get(place).unwrap_or(&Value::Null);
        may_be_null(asked) && asked.as_object().into_iter().flatten().all(|(_, how)| may_be_null(how))
    };
    request.is_object() && has_objects("userinfo") && has_objects("id_token")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_example_of_the_specification_is_read() {
        let request = ClaimsRequest::parse(
            r#"{"userinfo":{"given_name":{"essential":true},"nickname":null,"http://example.info/claims/groups":null},
                "id_token":{"auth_time":{"essential":true},"acr":{"essential":true,"values":["1","2"]},
                            "sub":{"value":"248289761001"}},"other":7}"#,
        )
        .unwrap();
        assert_eq!(request.essential_values("acr"), ["1", "2"]);
        assert_eq!(request.required_value("sub"), Some("248289761001"));
        let (claims, allowed) = (ScopeClaims::default(), "openid profile".parse().unwrap());
        let mut scopes: Vec<&str> = request.scopes(&claims, &allowed).collect();
        scopes.dedup();
        assert_eq!(scopes, ["profile"]);
        let kept = serde_json::to_string(&request).unwrap();
        assert_eq!(ClaimsRequest::parse(&kept).unwrap(), request);
    }

    #[test]
    fn what_is_malformed_is_refused() {
        let deep = format!("{}{}", "[".repeat(300), "]".repeat(300));
        let many: String = (0..=MOST).map(|number| format!(r#""c{number}":null,"#)).collect();
        for bad in [
            "",
            "[]",
            "7",
            "null",
            "{",
            r#"{"userinfo":[]}"#,
            r#"{"userinfo":{"name":true}}"#,
            r#"{"userinfo":{"name":[true]}}"#,
            r#"{"userinfo":{"name":{"essential":"yes"}}}"#,
            r#"{"id_token":{"sub":{"value":7}}}"#,
            &format!(r#"{{"userinfo":{{"name":{{"value":{deep}}}}}}}"#),
            &format!(r#"{{"userinfo":{{{many}"end":null}}}}"#),
            &format!(r#"{{"userinfo":{{"name":{{"value":"{}"}}}}}}"#, "x".repeat(LONGEST)),
        ] {
            assert!(ClaimsRequest::parse(bad).is_err(), "{bad:.60}");
        }
        for odd in ["{}", r#"{"userinfo":null}"#, r#"{"id_token":{"x":{"y":1}}}"#] {
            assert!(ClaimsRequest::parse(odd).is_ok(), "{odd}");
        }
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in r#"[\[\]{}":, a-z0-9]{0,200}"#) {
            let _ = ClaimsRequest::parse(&text);
        }
    }
}
