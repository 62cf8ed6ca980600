use std::time::Duration;

use serde_json::{Map, Value};

use crate::env::Timestamp;
use crate::guard::AccessClaims;
use crate::protocol::Scope;
use crate::token::Binding;

/// How far the clock of the issuer may be ahead.
const LEEWAY: Duration = Duration::from_secs(60);

/// The claims that have a place of their own in [`AccessClaims`].
const KNOWN: [&str; 10] =
    ["iss", "sub", "client_id", "aud", "exp", "nbf", "scope", "cnf", "active", "token_type"];

/// What the claims of a token say (RFC 9068 section 2.2, RFC 7662 section 2.2); `None` if one of them is of the wrong type, or they are
/// not valid now.
pub(super) fn read(all: &Map<String, Value>, now: Timestamp) -> Option<AccessClaims> {
    let moment = |name: &str| match all.get(name) {
        None => Some(None),
        Some(value) => value.as_f64().map(|seconds| Some(Timestamp::from_millis((seconds * 1000.0) as i64))),
    };
    let expires = moment("exp")??;
    let begins = moment("nbf")?;
    let issued = moment("iat")?;
    let latest = now.after(LEEWAY);
    if now >= expires || begins.is_some_and(|begins| begins > latest) || issued.is_some_and(|at| at > latest)
    {
        return None;
    }
    let text = |name: &str| match all.get(name) {
        None => Some(None),
        Some(value) => value.as_str().map(Some),
    };
    let subject = text("sub")?;
    // Some issuers name the client in the claim of ID tokens.
    let client_id = match text("client_id")? {
        Some(client_id) => client_id,
        None => text("azp")??,
    };
    // RFC 9068 section 2.2: where no person stands behind the token, its subject is the client.
    let claims = match subject.filter(|subject| *subject != client_id) {
        Some(subject) => AccessClaims::for_user(subject, client_id, expires),
        None => AccessClaims::for_client(client_id, expires),
    };
    let claims = claims.with_scope(scope(all.get("scope"))?).with_audience(audience(all.get("aud"))?);
    let claims = match all.get("cnf") {
        None => claims,
        Some(confirmation) => claims.with_binding(binding(confirmation)?),
    };
    let others = all.iter().filter(|(name, _)| !KNOWN.contains(&name.as_str()));
    Some(others.fold(claims, |claims, (name, value)| claims.with_claim(name, value.clone())))
}

/// A space-separated list, or an array of texts.
fn scope(value: Option<&Value>) -> Option<Scope> {
    match value {
        None => Some(Scope::empty()),
        Some(Value::String(list)) => list.parse().ok(),
        Some(Value::Array(list)) => {
            let tokens: Option<Vec<&str>> = list.iter().map(Value::as_str).collect();
            tokens?.join(" ").parse().ok()
        }
        Some(_) => None,
    }
}

fn audience(value: Option<&Value>) -> Option<Vec<String>> {
    match value {
        None => Some(Vec::new()),
        Some(Value::String(one)) => Some(vec![one.clone()]),
        // An empty list is for nobody, which is not the same as no claim.
        Some(Value::Array(list)) if !list.is_empty() => {
            list.iter().map(|one| one.as_str().map(str::to_owned)).collect()
        }
        Some(_) => None,
    }
}

/// What the token is bound to. A token that is bound to what this guard cannot check is not valid here (RFC 7800 section 3.1).
fn binding(confirmation: &Value) -> Option<Binding> {
    let members = confirmation.as_object().filter(|members| members.len() == 1)?;
    let text = |name: &str| members.get(name)?.as_str().map(Box::from);
    text("jkt").map(Binding::Key).or_else(|| text("x5t#S256").map(Binding::Certificate))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_700_000_000;

    fn read_at(claims: Value) -> Option<AccessClaims> {
        read(claims.as_object().unwrap(), Timestamp::from_millis(NOW * 1000))
    }

    fn claims() -> Value {
        json!({ "sub": "israel", "client_id": "web", "aud": "https://a", "exp": NOW + 60, "scope": "a b" })
    }

    #[test]
    fn claims_are_read() {
        let read = read_at(claims()).unwrap();
        assert_eq!(
            (read.user.as_deref(), &*read.client_id, read.scope.as_str()),
            (Some("israel"), "web", "a b")
        );
        assert_eq!(&*read.audience, ["https://a"]);
        let machine = read_at(json!({ "sub": "web", "azp": "web", "exp": NOW as f64 + 0.5 })).unwrap();
        assert_eq!((machine.user, &*machine.client_id), (None, "web"));
        for (scope, expected) in [(json!(["a", "b"]), "a b"), (json!(""), "")] {
            let mut claims = claims();
            claims["scope"] = scope;
            assert_eq!(read_at(claims).unwrap().scope.as_str(), expected);
        }
        let mut bound = claims();
        bound["cnf"] = json!({ "jkt": "x" });
        assert_eq!(read_at(bound).unwrap().binding, Some(Binding::Key("x".into())));
    }

    #[test]
    fn what_is_of_the_wrong_type_or_time_is_not_taken() {
        for (name, value) in [
            ("exp", json!(NOW)),
            ("exp", json!("later")),
            ("exp", json!(null)),
            ("nbf", json!(NOW + 61)),
            ("nbf", json!("now")),
            ("iat", json!(NOW + 61)),
            ("sub", json!(7)),
            ("sub", json!(null)),
            ("client_id", json!(["web"])),
            ("scope", json!(7)),
            ("scope", json!(["a", 7])),
            ("scope", json!("a\"b")),
            ("aud", json!([])),
            ("aud", json!(["a", 7])),
            ("aud", json!({})),
            ("cnf", json!({})),
            ("cnf", json!({ "jwk": {} })),
            ("cnf", json!({ "jkt": "x", "x5t#S256": "y" })),
            ("cnf", json!({ "jkt": 7 })),
            ("cnf", json!(null)),
        ] {
            let mut claims = claims();
            claims[name] = value.clone();
            assert_eq!(read_at(claims), None, "{name} {value}");
        }
        for missing in ["exp", "client_id"] {
            let mut claims = claims();
            claims.as_object_mut().unwrap().remove(missing);
            assert_eq!(read_at(claims), None, "{missing}");
        }
    }

    proptest! {
        #[test]
        fn reading_never_panics(exp in any::<f64>(), text in any::<String>(), number in any::<i64>()) {
            for value in [json!(exp), json!(text), json!(number), json!([text]), json!({ "jkt": text })] {
                for name in ["exp", "nbf", "iat", "sub", "client_id", "scope", "aud", "cnf"] {
                    let mut claims = claims();
                    claims[name] = value.clone();
                    let _ = read_at(claims);
                }
            }
        }
    }
}
