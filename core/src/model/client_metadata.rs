//! A client as client metadata (RFC 7591 section 2), written and read.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{AccessTokenFormat, AuthMethod, Client, ClientBuilder, Lifetimes};
use crate::env::Timestamp;

/// What the server says about a client and nobody can set.
const READ_ONLY: [&str; 3] =
    ["client_id_issued_at", "gridauth_self_registered", "gridauth_former_secrets_expire_at"];

/// A member of client metadata does not have the type that it must have, or cannot be set this way.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{member}: {reason}")]
pub struct ClientMetadataError {
    /// The name of the member.
    pub member: String,
    /// What it must be.
    pub reason: &'static str,
}

impl Client {
    /// The client as client metadata (RFC 7591 section 2 and 3.2.1), without its secret. Members that only this server has begin with
    /// `gridauth_`. Times are seconds since 1970.
    ///
    /// ```
    /// let spa = gridauth::Client::public("spa").name("Notes").redirect_uri("https://spa.example.com/cb").build()?;
    /// let metadata = spa.to_metadata();
    /// assert_eq!(metadata["token_endpoint_auth_method"], "none");
    /// # Ok::<(), gridauth::model::ClientError>(())
    /// ```
    pub fn to_metadata(&self) -> Map<String, Value> {
        let mut members = Map::new();
        let mut add = |name: &str, value: Value| members.insert(name.to_owned(), value);
        add("client_id", json!(self.id));
        add("client_id_issued_at", json!(self.registered.as_secs()));
        add("token_endpoint_auth_method", json!(self.auth_method().as_str()));
        let uris: Vec<&str> = self.redirect_uris().iter().map(|uri| uri.as_str()).collect();
        add("redirect_uris", json!(uris));
        add("grant_types", json!(self.body.grant_types));
        add("response_types", json!(self.body.response_types));
        add("scope", json!(self.scope.as_str()));
        if self.has_secret() {
            add("client_secret_expires_at", json!(self.body.secret_expires.map_or(0, Timestamp::as_secs)));
        }
        let former: Vec<i64> =
            self.body.former_secrets.iter().map(|former| former.expires.as_secs()).collect();
        if !former.is_empty() {
            add("gridauth_former_secrets_expire_at", json!(former));
        }
        for (name, is_set) in [
            ("gridauth_first_party", self.body.first_party),
            ("gridauth_resource_server", self.body.resource_server),
            ("gridauth_self_registered", self.body.self_registered),
        ] {
            if is_set {
                add(name, json!(true));
            }
        }
        if let Some(scope) = self.default_scope() {
            add("gridauth_default_scope", json!(scope.as_str()));
        }
        if let Some(format) = self.body.access_token_format {
            add("gridauth_access_token_format", json!(format_name(format)));
        }
        let Lifetimes { code, access_token, refresh_token_idle, refresh_token } = self.body.lifetimes;
        let lifetimes: Map<String, Value> = [
            ("code", code),
            ("access_token", access_token),
            ("refresh_token_idle", refresh_token_idle),
            ("refresh_token", refresh_token),
        ]
        .into_iter()
        .filter_map(|(name, lifetime)| Some((name.to_owned(), json!(lifetime?.as_secs()))))
        .collect();
        if !lifetimes.is_empty() {
            add("gridauth_lifetimes", Value::Object(lifetimes));
        }
        for (name, value) in &self.body.metadata {
            if !members.contains_key(name) {
                members.insert(name.clone(), value.clone());
            }
        }
        members
    }
}

impl ClientBuilder {
    /// Takes over members of client metadata (RFC 7591 section 2), as [`Client::to_metadata`] writes them. A member replaces what the
    /// client has; one that is `null` leaves it out (RFC 7396). Members that nobody can set are ignored. A secret cannot be set this
    /// way, and the `client_id` stays.
    ///
    /// # Errors
    /// [`ClientMetadataError`] names a member of the wrong type. What a member says is checked when the client is built.
    pub fn merge_metadata(mut self, members: &Map<String, Value>) -> Result<Self, ClientMetadataError> {
        for (name, value) in members {
            self = self.merge_member(name, value)?;
        }
        Ok(self)
    }

    fn merge_member(mut self, name: &str, value: &Value) -> Result<Self, ClientMetadataError> {
        let wrong = |reason| ClientMetadataError { member: name.to_owned(), reason };
        let text = || match value {
            Value::Null => Ok(""),
            Value::String(text) => Ok(text.as_str()),
            _ => Err(wrong("it must be a text")),
        };
        let flag = || match value {
            Value::Null => Ok(false),
            Value::Bool(flag) => Ok(*flag),
            _ => Err(wrong("it must be true or false")),
        };
        match name {
            _ if READ_ONLY.contains(&name) => Ok(self),
            "client_id" if *value == *self.id() => Ok(self),
            "client_id" => Err(wrong("a client keeps its id: register another one")),
            "client_secret" => Err(wrong("a secret is not set this way: rotate it")),
            "registration_access_token" | "registration_client_uri" => Ok(self),
            "client_secret_expires_at" => match value.as_i64() {
                _ if value.is_null() => Ok(self.secret_expires(None)),
                Some(0) => Ok(self.secret_expires(None)),
                Some(secs) if (1..=MOST_SECS).contains(&secs) => {
                    Ok(self.secret_expires(Some(Timestamp::from_millis(secs * 1000))))
                }
                _ => Err(wrong("it must be seconds since 1970, or 0")),
            },
            "token_endpoint_auth_method" => match text()? {
                "" => Ok(self.auth_method(AuthMethod::Basic)),
                method => Ok(self.auth_method(AuthMethod::from(method.to_owned()))),
            },
            "redirect_uris" => match texts(value) {
                Some(uris) => Ok(self.redirect_uris(uris)),
                None => Err(wrong("it must be a list of texts")),
            },
            "grant_types" => match texts(value) {
                _ if value.is_null() => Ok(self.grant_types(["authorization_code"])),
                Some(types) => Ok(self.grant_types(types)),
                None => Err(wrong("it must be a list of texts")),
            },
            "response_types" => match texts(value) {
                _ if value.is_null() => Ok(self.response_types(["code"])),
                Some(types) => Ok(self.response_types(types)),
                None => Err(wrong("it must be a list of texts")),
            },
            "scope" => Ok(self.scope(text()?)),
            "gridauth_default_scope" if value.is_null() => Ok(self.without_default_scope()),
            "gridauth_default_scope" => Ok(self.default_scope(text()?)),
            "gridauth_first_party" => Ok(self.first_party(flag()?)),
            "gridauth_resource_server" => Ok(self.resource_server(flag()?)),
            "gridauth_access_token_format" => match text()? {
                "" => Ok(self.usual_access_token_format()),
                "opaque" => Ok(self.access_token_format(AccessTokenFormat::Opaque)),
                "jwt" => Ok(self.access_token_format(AccessTokenFormat::Jwt)),
                _ => Err(wrong("it must be opaque or jwt")),
            },
            "gridauth_lifetimes" => match lifetimes(value) {
                Some(lifetimes) => Ok(self.lifetimes(lifetimes)),
                None => Err(wrong(
                    "it must be an object of whole seconds: code, access_token, refresh_token_idle, refresh_token",
                )),
            },
            _ if name.starts_with("gridauth_") => Err(wrong("there is no such member")),
            _ if value.is_null() => Ok(self.without_metadata(name)),
            _ => {
                self = self.metadata(name, value.clone());
                Ok(self)
            }
        }
    }
}

/// The year 9999: no time in a registration is later.
const MOST_SECS: i64 = 253_402_300_799;

fn format_name(format: AccessTokenFormat) -> &'static str {
    match format {
        AccessTokenFormat::Opaque => "opaque",
        AccessTokenFormat::Jwt => "jwt",
    }
}

/// A list of texts; `null` is an empty one.
fn texts(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::Null => Some(Vec::new()),
        Value::Array(items) => items.iter().map(|item| item.as_str().map(str::to_owned)).collect(),
        _ => None,
    }
}

fn lifetimes(value: &Value) -> Option<Lifetimes> {
    let mut lifetimes = Lifetimes::default();
    if value.is_null() {
        return Some(lifetimes);
    }
    for (name, value) in value.as_object()? {
        let secs = value.as_u64().filter(|secs| (1..=MOST_SECS as u64).contains(secs))?;
        let lifetime = Duration::from_secs(secs);
        lifetimes = match name.as_str() {
            "code" => lifetimes.code(lifetime),
            "access_token" => lifetimes.access_token(lifetime),
            "refresh_token_idle" => lifetimes.refresh_token_idle(lifetime),
            "refresh_token" => lifetimes.refresh_token(lifetime),
            _ => return None,
        };
    }
    Some(lifetimes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn what_is_written_is_read_as_the_same_client() {
        let client = Client::public("spa")
            .name("Notes")
            .redirect_uri("https://spa.example.com/cb")
            .scope("notes.read notes.write")
            .default_scope("notes.read")
            .first_party(true)
            .resource_server(true)
            .access_token_format(AccessTokenFormat::Jwt)
            .lifetimes(
                Lifetimes::default().code(Duration::from_secs(5)).refresh_token(Duration::from_secs(60)),
            )
            .metadata("contacts", json!(["ops@example.com"]))
            .build()
            .unwrap();
        let read = Client::public("spa").merge_metadata(&client.to_metadata()).unwrap().build().unwrap();
        assert_eq!(read, client);
        // `null` undoes what is optional.
        let undo: Map<String, Value> = client
            .to_metadata()
            .into_iter()
            .map(|(name, value)| {
                let keep = ["client_id", "token_endpoint_auth_method"].contains(&name.as_str());
                (name, if keep { value } else { Value::Null })
            })
            .collect();
        let plain = client.edit().merge_metadata(&undo).unwrap().build().unwrap();
        assert_eq!(plain, Client::public("spa").build().unwrap());
    }

    #[test]
    fn a_member_of_the_wrong_type_is_named() {
        for bad in [
            json!({ "client_id": "other" }),
            json!({ "client_secret": "s" }),
            json!({ "client_secret_expires_at": -1 }),
            json!({ "client_secret_expires_at": 9_000_000_000_000_000_000_i64 }),
            json!({ "redirect_uris": "https://a.example/cb" }),
            json!({ "grant_types": [1] }),
            json!({ "scope": ["a"] }),
            json!({ "gridauth_first_party": "yes" }),
            json!({ "gridauth_lifetimes": { "code": 0 } }),
            json!({ "gridauth_lifetimes": { "codes": 5 } }),
            json!({ "gridauth_access_token_format": "saml" }),
            json!({ "gridauth_firstparty": true }),
        ] {
            let bad = parse(bad);
            let error = Client::public("spa").merge_metadata(&bad).unwrap_err();
            assert_eq!(Some(&error.member), bad.keys().next());
        }
    }
}
