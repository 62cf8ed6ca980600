//! Request objects (RFC 9101, OpenID Connect Core section 6.1): an authorization request that its client has signed.
//!
//! The key and its algorithm are the client's, never the object's to choose. Only the parameters inside count (RFC 9101 section 6.3).

use std::fmt;
use std::time::Duration;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::sent::without_fields;
use crate::engine::Engine;
use crate::env::Timestamp;
use crate::jose::{Jws, JwsError};
use crate::model::Client;
use crate::protocol::{ErrorCode, OAuthError, Parameters};

/// The media types of a request object. Many clients name none.
const TYPES: [&str; 2] = ["oauth-authz-req+jwt", "JWT"];

/// Claims of the token itself, which are no parameters of the request.
const OF_THE_TOKEN: [&str; 7] = ["iss", "sub", "aud", "exp", "nbf", "iat", "jti"];

/// How far a client's clock may be ahead of the server's.
const LEEWAY: Duration = Duration::from_secs(60);

/// The parameters in a request object.
///
/// # Errors
/// `invalid_request_object` if it cannot be believed; 503 if the client's keys cannot be had now.
pub(super) async fn read(
    engine: &Engine,
    client: &Client,
    object: &str,
    arrived: Timestamp,
) -> Result<Parameters, OAuthError> {
    let jws = Jws::parse(object).map_err(|error| match error {
        // RFC 7516 section 7.1: an encrypted token has five parts.
        JwsError::Form if object.split('.').count() == 5 => {
            invalid("the server does not decrypt request objects")
        }
        JwsError::TooLong => invalid("the request object is too long"),
        error => invalid("the request object is not a signed token").with_cause(error),
    })?;
    if jws.algorithm_name() == "none" {
        return Err(invalid("the request object must be signed"));
    }
    // RFC 8725 section 3.11: what the client has signed for another purpose is no request.
    if !jws.has_no_type() && !TYPES.iter().any(|typ| jws.is_of_type(typ)) {
        return Err(invalid("the typ of the request object is that of another kind of token"));
    }
    if !engine.client_keys.verify(client, &jws).await? {
        return Err(invalid("the request object is not signed by a key of the client"));
    }
    let only = client.metadata_value("request_object_signing_alg");
    if only.is_some_and(|only| only != jws.algorithm_name()) {
        return Err(invalid(
            "the alg of the request object is not the one that the client is registered for",
        ));
    }
    let Members(members) = jws.claims().ok_or_else(|| {
        invalid("the claims of the request object are not a JSON object, or one of them is there twice")
    })?;
    let claims = Claims(members);
    claims.check_client(client)?;
    claims.check_audience(engine.issuer())?;
    claims.check_time(arrived, engine.clock.now())?;
    claims.into_parameters()
}

/// RFC 9101 section 5.
pub(super) fn both() -> OAuthError {
    OAuthError::invalid_request("request and request_uri exclude each other")
}

fn invalid(description: &'static str) -> OAuthError {
    OAuthError::new(ErrorCode::Custom("invalid_request_object"), description)
}

/// The claims of a request object whose signature is right.
struct Claims(Vec<(String, Value)>);

impl Claims {
    fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(own, _)| own == name).map(|(_, value)| value)
    }

    /// RFC 9101 sections 4 and 5: the client inside is the one outside. An object without `client_id` has to say so by `iss`.
    fn check_client(&self, client: &Client) -> Result<(), OAuthError> {
        let named = [self.get("client_id"), self.get("iss")];
        if named.iter().flatten().any(|named| *named != client.id()) {
            return Err(invalid("the client_id or the iss of the request object is not the client"));
        }
        match named {
            [None, None] => Err(invalid("the request object has no client_id")),
            _ => Ok(()),
        }
    }

    fn check_audience(&self, issuer: &str) -> Result<(), OAuthError> {
        let is_ours = match self.get("aud") {
            None => true,
            Some(Value::Array(several)) => several.iter().any(|audience| audience == issuer),
            Some(audience) => audience == issuer,
        };
        if is_ours { Ok(()) } else { Err(invalid("the aud of the request object is not this server")) }
    }

    /// `exp` counts when the request arrives; the others are in the past by the clock of the server.
    fn check_time(&self, arrived: Timestamp, now: Timestamp) -> Result<(), OAuthError> {
        if self.moment("exp")?.is_some_and(|expires| expires <= arrived) {
            return Err(invalid("the request object has expired"));
        }
        let latest = now.after(LEEWAY);
        for name in ["nbf", "iat"] {
            if self.moment(name)?.is_some_and(|begins| begins > latest) {
                return Err(invalid("the nbf or the iat of the request object is in the future"));
            }
        }
        Ok(())
    }

    /// Seconds since 1970, which may have a fraction (RFC 7519 section 2). What cannot be represented is the first or the last moment.
    fn moment(&self, name: &str) -> Result<Option<Timestamp>, OAuthError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let seconds = value.as_f64().ok_or(()).map_err(|()| invalid("exp, nbf and iat are numbers"))?;
        Ok(Some(Timestamp::from_millis((seconds * 1000.0) as i64)))
    }

    fn into_parameters(self) -> Result<Parameters, OAuthError> {
        let mut pairs = Vec::new();
        for (name, value) in self.0 {
            if OF_THE_TOKEN.contains(&name.as_str()) {
                continue;
            }
            // RFC 9101 section 4.
            if name == "request" || name == "request_uri" {
                return Err(invalid("a request object has neither request nor request_uri"));
            }
            match value {
                // RFC 8707 section 2: the one parameter of a request that may be there more than once.
                Value::Array(several) if name == "resource" => {
                    for one in several {
                        pairs.push((name.clone(), text(one)?));
                    }
                }
                value => pairs.push((name, text(value)?)),
            }
        }
        Ok(without_fields(Parameters::from_pairs(pairs).map_err(|error| {
            invalid("the request object has too many parameters, or one with a control character")
                .with_cause(error)
        })?))
    }
}

/// A claim as the text of a parameter. Objects and lists, such as `claims`, are parameters in JSON.
fn text(value: Value) -> Result<String, OAuthError> {
    match value {
        Value::Null => Err(invalid("a parameter of the request object is null")),
        Value::String(text) => Ok(text),
        other => Ok(other.to_string()),
    }
}

/// The members of a JSON object, each of which is there once.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members: Vec<(String, Value)> = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    if members.len() >= MOST_MEMBERS || members.iter().any(|(own, _)| *own == name) {
                        return Err(A::Error::custom("too many members, or one of them twice"));
                    }
                    members.push((name, value));
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

/// The most members of a request object: those of the token, and as many parameters as any request may have.
const MOST_MEMBERS: usize = OF_THE_TOKEN.len() + Parameters::MAX;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const ISSUER: &str = "https://id.example.com";

    fn claims(value: Value) -> Claims {
        Claims(value.as_object().unwrap().clone().into_iter().collect())
    }

    fn parameters(value: Value) -> Result<Vec<(String, String)>, OAuthError> {
        let read = claims(value).into_parameters()?;
        Ok(read.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    #[test]
    fn the_client_is_named_by_client_id_or_iss_and_by_no_other_name() {
        let client = Client::public("spa").build().unwrap();
        for good in [
            json!({ "client_id": "spa" }),
            json!({ "iss": "spa" }),
            json!({ "client_id": "spa", "iss": "spa" }),
        ] {
            assert!(claims(good.clone()).check_client(&client).is_ok(), "{good}");
        }
        for bad in [
            json!({}),
            json!({ "sub": "spa" }),
            json!({ "client_id": "web" }),
            json!({ "client_id": "spa", "iss": "web" }),
            json!({ "client_id": "web", "iss": "spa" }),
            json!({ "client_id": ["spa"] }),
            json!({ "client_id": null, "iss": "spa" }),
            json!({ "client_id": "" }),
        ] {
            assert!(claims(bad.clone()).check_client(&client).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_audience_is_this_server_where_there_is_one() {
        for good in
            [json!({}), json!({ "aud": ISSUER }), json!({ "aud": ["https://rs.example.com", ISSUER] })]
        {
            assert!(claims(good.clone()).check_audience(ISSUER).is_ok(), "{good}");
        }
        for bad in [
            json!({ "aud": "https://id.example.com/" }),
            json!({ "aud": "https://other.example.com" }),
            json!({ "aud": [] }),
            json!({ "aud": null }),
            json!({ "aud": { "0": ISSUER } }),
            json!({ "aud": [[ISSUER]] }),
        ] {
            assert!(claims(bad.clone()).check_audience(ISSUER).is_err(), "{bad}");
        }
    }

    #[test]
    fn times_are_numbers_and_exp_is_that_of_the_arrival() {
        let at = Timestamp::from_millis;
        let check = |value: Value, arrived: i64| claims(value).check_time(at(arrived), at(100_000)).is_ok();
        assert!(check(json!({}), 100_000));
        assert!(check(json!({ "exp": 100.5 }), 100_000) && !check(json!({ "exp": 100 }), 100_000));
        // A form that comes back.
        assert!(check(json!({ "exp": 100 }), 90_000));
        assert!(check(json!({ "nbf": 160, "iat": 160 }), 100_000));
        assert!(!check(json!({ "nbf": 161 }), 100_000) && !check(json!({ "iat": 161 }), 100_000));
        assert!(check(json!({ "exp": 1e300 }), 100_000) && !check(json!({ "exp": -1e300 }), 100_000));
        for bad in [json!("100"), json!(null), json!([101]), json!({}), json!(true)] {
            for name in ["exp", "nbf", "iat"] {
                assert!(!check(json!({ name: bad }), 0), "{name} {bad}");
            }
        }
    }

    #[test]
    fn claims_become_parameters() {
        let read = parameters(json!({
            "iss": "spa", "aud": ISSUER, "exp": 1, "nbf": 1, "iat": 1, "jti": "1", "sub": "x",
            "max_age": 300, "claims": { "id_token": { "acr": null } }, "resource": ["https://a.example", "https://b.example"],
            "flag": true, "csrf": "x", "client_secret": "x",
        }));
        let expected = [
            ("claims", r#"{"id_token":{"acr":null}}"#),
            ("flag", "true"),
            ("max_age", "300"),
            ("resource", "https://a.example"),
            ("resource", "https://b.example"),
        ];
        let read = read.unwrap();
        let read: Vec<(&str, &str)> = read.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(read, expected);
    }

    #[test]
    fn what_is_no_parameter_is_refused() {
        let many: serde_json::Map<String, Value> =
            (0..=Parameters::MAX).map(|n| (n.to_string(), json!(""))).collect();
        for bad in [
            json!({ "request": "a.b.c" }),
            json!({ "request_uri": "urn:ietf:params:oauth:request_uri:x" }),
            json!({ "request": null }),
            json!({ "state": null }),
            json!({ "resource": [null] }),
            json!({ "state": "a\u{0}" }),
            json!({ "a\n": "b" }),
            Value::Object(many),
        ] {
            let error = parameters(bad.clone()).unwrap_err();
            assert_eq!(error.code().as_str(), "invalid_request_object", "{bad:.60}");
        }
    }

    #[test]
    fn a_member_is_there_once() {
        assert!(serde_json::from_str::<Members>(r#"{"scope":"a","scope":"b"}"#).is_err());
        assert!(serde_json::from_str::<Members>(r#"["scope","a"]"#).is_err());
        assert_eq!(serde_json::from_str::<Members>(r#"{"a":1,"b":[1]}"#).unwrap().0.len(), 2);
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in any::<String>(), names in prop::collection::vec(".{0,6}", 0..8)) {
            let _ = serde_json::from_str::<Members>(&text);
            let object: serde_json::Map<String, Value> = names.into_iter().map(|name| (name, json!(text))).collect();
            let _ = claims(Value::Object(object)).into_parameters();
        }
    }
}
