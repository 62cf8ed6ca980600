//! Client metadata that somebody else than an operator wrote: in a registration (RFC 7591) or in a client's own document.

use serde_json::{Map, Value, json};

use crate::fetch::{FetchRequest, PlainHttp, Reach};
use crate::model::{AuthMethod, Client, ClientBuilder, ClientError};
use crate::protocol::{ErrorCode, OAuthError, RedirectUri, Scope};

/// The type of a member's value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Type {
    Text,
    Texts,
    Flag,
    /// A whole number that is not negative.
    Number,
    Object,
    /// The URL of a page or a picture, for users.
    Link,
}

use Type::{Flag, Link, Number, Object, Text, Texts};

/// IANA's registry "OAuth Dynamic Client Registration Metadata", apart from the members that are read one by one and from those that
/// the server sets.
const MEMBERS: &[(&str, Type)] = &[
    ("client_name", Text),
    ("client_uri", Link),
    ("logo_uri", Link),
    ("contacts", Texts),
    ("tos_uri", Link),
    ("policy_uri", Link),
    ("jwks_uri", Text),
    ("jwks", Object),
    ("software_id", Text),
    ("software_version", Text),
    ("application_type", Text),
    ("sector_identifier_uri", Text),
    ("subject_type", Text),
    ("id_token_signed_response_alg", Text),
    ("id_token_encrypted_response_alg", Text),
    ("id_token_encrypted_response_enc", Text),
    ("userinfo_signed_response_alg", Text),
    ("userinfo_encrypted_response_alg", Text),
    ("userinfo_encrypted_response_enc", Text),
    ("request_object_signing_alg", Text),
    ("request_object_encryption_alg", Text),
    ("request_object_encryption_enc", Text),
    ("token_endpoint_auth_signing_alg", Text),
    ("default_max_age", Number),
    ("require_auth_time", Flag),
    ("default_acr_values", Texts),
    ("initiate_login_uri", Text),
    ("request_uris", Texts),
    ("post_logout_redirect_uris", Texts),
    ("frontchannel_logout_uri", Text),
    ("frontchannel_logout_session_required", Flag),
    ("backchannel_logout_uri", Text),
    ("backchannel_logout_session_required", Flag),
    ("claims_redirect_uris", Texts),
    ("nfv_token_signed_response_alg", Text),
    ("nfv_token_encrypted_response_alg", Text),
    ("nfv_token_encrypted_response_enc", Text),
    ("tls_client_certificate_bound_access_tokens", Flag),
    ("tls_client_auth_subject_dn", Text),
    ("tls_client_auth_san_dns", Text),
    ("tls_client_auth_san_uri", Text),
    ("tls_client_auth_san_ip", Text),
    ("tls_client_auth_san_email", Text),
    ("use_mtls_endpoint_aliases", Flag),
    ("require_signed_request_object", Flag),
    ("require_pushed_authorization_requests", Flag),
    ("introspection_signed_response_alg", Text),
    ("introspection_encrypted_response_alg", Text),
    ("introspection_encrypted_response_enc", Text),
    ("authorization_signed_response_alg", Text),
    ("authorization_encrypted_response_alg", Text),
    ("authorization_encrypted_response_enc", Text),
    ("authorization_details_types", Texts),
    ("dpop_bound_access_tokens", Flag),
    ("backchannel_token_delivery_mode", Text),
    ("backchannel_client_notification_endpoint", Text),
    ("backchannel_authentication_request_signing_alg", Text),
    ("backchannel_user_code_parameter", Flag),
    ("client_registration_types", Texts),
    ("organization_name", Text),
    ("signed_jwks_uri", Text),
    ("native_sso_supported", Flag),
    ("user_registration_uri", Text),
    ("vp_formats", Object),
];

/// The members that may have a language tag (RFC 7591 section 2.2).
const TAGGED: [&str; 5] = ["client_name", "client_uri", "logo_uri", "tos_uri", "policy_uri"];

/// What clients may be that no operator registered.
#[derive(Clone, Debug)]
pub(crate) struct ClientRules {
    /// The grant types that they may use.
    pub(crate) grant_types: Vec<String>,
    /// The scope that they may have, and that one has which names none.
    pub(crate) scope: Scope,
    /// The authentication methods of the server.
    pub(crate) methods: Vec<AuthMethod>,
}

/// `invalid_client_metadata` (RFC 7591 section 3.2.2).
pub(crate) fn invalid(description: impl Into<std::borrow::Cow<'static, str>>) -> OAuthError {
    OAuthError::new(ErrorCode::Custom("invalid_client_metadata"), description)
}

/// `invalid_redirect_uri` (RFC 7591 section 3.2.2).
fn invalid_redirect(description: impl Into<std::borrow::Cow<'static, str>>) -> OAuthError {
    OAuthError::new(ErrorCode::Custom("invalid_redirect_uri"), description)
}

fn texts(value: &Value) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|item| item.as_str().map(str::to_owned)).collect()
}

/// The metadata of a client, with its members checked one by one.
pub(crate) struct Declared {
    redirect_uris: Vec<String>,
    grant_types: Vec<String>,
    response_types: Vec<String>,
    /// How it authenticates, if it says.
    pub(crate) auth_method: Option<AuthMethod>,
    scope: Option<String>,
    others: Map<String, Value>,
}

impl Declared {
    /// Reads the members. Those that nobody knows are ignored (RFC 7591 section 2), and so are those that are `null` (RFC 7592 section
    /// 2.2).
    ///
    /// # Errors
    /// `invalid_redirect_uri` or `invalid_client_metadata` names the member.
    pub(crate) fn read(mut members: Map<String, Value>) -> Result<Self, OAuthError> {
        members.retain(|_, value| !value.is_null());
        let list = |members: &mut Map<String, Value>, name: &str| match members.remove(name) {
            None => Ok(None),
            Some(value) => {
                texts(&value).map(Some).ok_or_else(|| invalid(format!("{name} must be a list of texts")))
            }
        };
        let text = |members: &mut Map<String, Value>, name: &str| match members.remove(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(invalid(format!("{name} must be a text"))),
        };
        let redirect_uris = match members.remove("redirect_uris") {
            None => Vec::new(),
            Some(uris) => {
                texts(&uris).ok_or_else(|| invalid_redirect("redirect_uris must be a list of texts"))?
            }
        };
        let grant_types = list(&mut members, "grant_types")?;
        let response_types = list(&mut members, "response_types")?;
        let auth_method = text(&mut members, "token_endpoint_auth_method")?.map(AuthMethod::from);
        let scope = text(&mut members, "scope")?;
        let mut others = Map::new();
        for (name, value) in members {
            if let Some(kind) = type_of(&name) {
                check_type(&name, kind, &value)?;
                others.insert(name, value);
            }
        }
        Ok(Self {
            redirect_uris,
            grant_types: grant_types.unwrap_or_else(|| vec!["authorization_code".to_owned()]),
            response_types: response_types.unwrap_or_else(|| vec!["code".to_owned()]),
            auth_method,
            scope,
            others,
        })
    }

    /// The client that this describes, in the rules. `begun` has its id, and its secret where it has one.
    ///
    /// # Errors
    /// `invalid_redirect_uri` or `invalid_client_metadata` says what is wrong.
    pub(crate) fn complete(
        mut self,
        begun: ClientBuilder,
        rules: &ClientRules,
    ) -> Result<Client, OAuthError> {
        for grant_type in &self.grant_types {
            if !rules.grant_types.contains(grant_type) {
                let shown: String = grant_type.chars().take(100).collect();
                return Err(invalid(format!(
                    "grant_types: {shown} is not for clients that register themselves"
                )));
            }
        }
        let scope = self.granted_scope(rules)?;
        self.check_redirects()?;
        self.settle_application_type()?;
        self.check_urls()?;
        let mut client = begun
            .self_registered(true)
            .scope(scope.as_str())
            .grant_types(self.grant_types)
            .response_types(self.response_types);
        client = self.redirect_uris.into_iter().fold(client, ClientBuilder::redirect_uri);
        client = self.others.into_iter().fold(client, |client, (name, value)| client.metadata(name, value));
        client.build().map_err(|error| match error {
            ClientError::RedirectUri { .. } => invalid_redirect(error.to_string()),
            error => invalid(error.to_string()),
        })
    }

    fn granted_scope(&self, rules: &ClientRules) -> Result<Scope, OAuthError> {
        let Some(named) = &self.scope else { return Ok(rules.scope.clone()) };
        let named: Scope = named.parse().map_err(|_| invalid("scope: it is malformed"))?;
        if let Some(other) = named.iter().find(|token| !rules.scope.contains(token)) {
            let shown: String = other.chars().take(100).collect();
            return Err(invalid(format!("scope: {shown} is not for clients that register themselves")));
        }
        Ok(named)
    }

    fn check_redirects(&self) -> Result<(), OAuthError> {
        if self.redirect_uris.len() > 50 {
            return Err(invalid_redirect("redirect_uris: there are more than 50"));
        }
        let redirects = |grant_type: &String| matches!(&**grant_type, "authorization_code" | "implicit");
        if self.redirect_uris.is_empty() && self.grant_types.iter().any(redirects) {
            return Err(invalid_redirect("redirect_uris: a grant type that redirects needs one"));
        }
        for uri in &self.redirect_uris {
            let checked = RedirectUri::parse(uri).and_then(|uri| uri.check_protected());
            checked.map_err(|reason| invalid_redirect(format!("redirect_uris: {reason}")))?;
        }
        Ok(())
    }

    /// OpenID Connect Dynamic Client Registration section 2. An absent type follows from the redirect URIs.
    fn settle_application_type(&mut self) -> Result<(), OAuthError> {
        let is_web = |uri: &String| uri.starts_with("https://");
        let declared = self.others.get("application_type").and_then(Value::as_str);
        match declared {
            None => {
                let kind = if self.redirect_uris.iter().all(is_web) { "web" } else { "native" };
                self.others.insert("application_type".to_owned(), json!(kind));
                Ok(())
            }
            Some("native") => Ok(()),
            Some("web") => {
                let is_implicit = self.grant_types.iter().any(|grant_type| grant_type == "implicit");
                let has_local = self.redirect_uris.iter().any(|uri| !is_web(uri) || is_local(uri));
                match is_implicit && has_local {
                    true => Err(invalid_redirect(
                        "redirect_uris: those of a web application with implicit response types are https, and not on localhost",
                    )),
                    false => Ok(()),
                }
            }
            Some(_) => Err(invalid("application_type: it is web or native")),
        }
    }

    fn check_urls(&self) -> Result<(), OAuthError> {
        for member in ["jwks_uri", "initiate_login_uri", "sector_identifier_uri"] {
            let Some(url) = self.others.get(member).and_then(Value::as_str) else { continue };
            let plain = if member == "jwks_uri" { PlainHttp::Loopback } else { PlainHttp::Refused };
            FetchRequest::get(url, plain, Reach::Anywhere)
                .map_err(|error| invalid(format!("{member}: {error}")))?;
        }
        Ok(())
    }
}

fn is_local(uri: &str) -> bool {
    url::Url::parse(uri).is_ok_and(|url| match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    })
}

fn type_of(name: &str) -> Option<Type> {
    let (base, tag) = name.split_once('#').map_or((name, None), |(base, tag)| (base, Some(tag)));
    if let Some(tag) = tag {
        let is_tag =
            (1..=35).contains(&tag.len()) && tag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !is_tag || !TAGGED.contains(&base) {
            return None;
        }
    }
    MEMBERS.iter().find(|(own, _)| *own == base).map(|(_, kind)| *kind)
}

fn check_type(name: &str, kind: Type, value: &Value) -> Result<(), OAuthError> {
    let (fits, must_be) = match kind {
        Text => (value.as_str().is_some_and(|text| !text.chars().any(char::is_control)), "a text"),
        Texts => (texts(value).is_some(), "a list of texts"),
        Flag => (value.is_boolean(), "true or false"),
        Number => (value.as_u64().is_some(), "a whole number"),
        Object => (value.is_object(), "an object"),
        Link => {
            let is_link = value
                .as_str()
                .is_some_and(|url| FetchRequest::get(url, PlainHttp::Allowed, Reach::Anywhere).is_ok());
            (is_link, "an http or https URL")
        }
    };
    if fits { Ok(()) } else { Err(invalid(format!("{name} must be {must_be}"))) }
}

/// The metadata of a client as a registration's answer has it (RFC 7591 section 3.2.1), without what the server adds.
pub(crate) fn echo(client: &Client) -> Map<String, Value> {
    let mut members = client.body.metadata.clone();
    let uris: Vec<&str> = client.redirect_uris().iter().map(RedirectUri::as_str).collect();
    let grant_types: Vec<&str> = client.grant_types().collect();
    let response_types: Vec<&str> = client.response_types().collect();
    members.insert("redirect_uris".to_owned(), json!(uris));
    members.insert("grant_types".to_owned(), json!(grant_types));
    members.insert("response_types".to_owned(), json!(response_types));
    members.insert("token_endpoint_auth_method".to_owned(), json!(client.auth_method().as_str()));
    members.insert("scope".to_owned(), json!(client.scope().as_str()));
    members
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> ClientRules {
        ClientRules {
            grant_types: ["authorization_code", "refresh_token", "implicit"].map(str::to_owned).to_vec(),
            scope: "openid notes.read".parse().unwrap(),
            methods: vec![AuthMethod::None, AuthMethod::Basic],
        }
    }

    fn complete(members: Value) -> Result<Client, (String, String)> {
        let Value::Object(members) = members else { panic!("no object") };
        Declared::read(members)
            .and_then(|declared| declared.complete(Client::public("c"), &rules()))
            .map_err(|error| (error.code().as_str().to_owned(), error.description().to_owned()))
    }

    #[test]
    fn absent_members_have_their_defaults_and_unknown_ones_are_ignored() {
        let client = complete(json!({
            "redirect_uris": ["https://c.example/cb"], "client_name": "C", "client_name#ja": "\u{30af}",
            "client_name#": "x", "x_unknown": {"a": 1}, "gridauth_first_party": true, "logo_uri": null,
        }))
        .unwrap();
        let echoed = Value::Object(echo(&client));
        let expected = json!({
            "redirect_uris": ["https://c.example/cb"], "client_name": "C", "client_name#ja": "\u{30af}",
            "grant_types": ["authorization_code"], "response_types": ["code"], "token_endpoint_auth_method": "none",
            "scope": "openid notes.read", "application_type": "web",
        });
        assert_eq!(echoed, expected);
        assert!(client.is_self_registered() && !client.is_first_party());
    }

    #[test]
    fn what_is_wrong_is_named() {
        let https = "https://c.example/cb";
        for (members, code, part) in [
            (json!({}), "invalid_redirect_uri", "redirect_uris"),
            (json!({"redirect_uris": []}), "invalid_redirect_uri", "redirect_uris"),
            (json!({"redirect_uris": https}), "invalid_redirect_uri", "redirect_uris"),
            (json!({"redirect_uris": [7]}), "invalid_redirect_uri", "redirect_uris"),
            (json!({"redirect_uris": ["http://c.example/cb"]}), "invalid_redirect_uri", "https"),
            (json!({"redirect_uris": ["https://c.example/cb#f"]}), "invalid_redirect_uri", "fragment"),
            (json!({"redirect_uris": ["javascript:alert(1)"]}), "invalid_redirect_uri", "javascript"),
            (json!({"redirect_uris": ["myapp:/cb"]}), "invalid_redirect_uri", "dot"),
            (json!({"redirect_uris": vec![https; 51]}), "invalid_redirect_uri", "50"),
            (
                json!({"redirect_uris": [https], "grant_types": "code"}),
                "invalid_client_metadata",
                "grant_types",
            ),
            (
                json!({"redirect_uris": [https], "grant_types": ["password"]}),
                "invalid_client_metadata",
                "password",
            ),
            (json!({"redirect_uris": [https], "scope": "all"}), "invalid_client_metadata", "all"),
            (json!({"redirect_uris": [https], "scope": 1}), "invalid_client_metadata", "scope"),
            (json!({"redirect_uris": [https], "client_name": 1}), "invalid_client_metadata", "client_name"),
            (
                json!({"redirect_uris": [https], "client_uri": "javascript:x"}),
                "invalid_client_metadata",
                "client_uri",
            ),
            (json!({"redirect_uris": [https], "logo_uri#de": "x"}), "invalid_client_metadata", "logo_uri#de"),
            (json!({"redirect_uris": [https], "contacts": "x"}), "invalid_client_metadata", "contacts"),
            (
                json!({"redirect_uris": [https], "default_max_age": -1}),
                "invalid_client_metadata",
                "default_max_age",
            ),
            (
                json!({"redirect_uris": [https], "application_type": "tv"}),
                "invalid_client_metadata",
                "application_type",
            ),
            (
                json!({"redirect_uris": [https], "initiate_login_uri": "http://c.example/"}),
                "invalid_client_metadata",
                "initiate",
            ),
            (
                json!({"redirect_uris": [https], "jwks_uri": "http://c.example/"}),
                "invalid_client_metadata",
                "jwks_uri",
            ),
            (json!({"redirect_uris": [https], "jwks": {}}), "invalid_client_metadata", "jwks"),
            (
                json!({"redirect_uris": ["https://localhost/cb"], "grant_types": ["implicit"], "application_type": "web"}),
                "invalid_redirect_uri",
                "web",
            ),
        ] {
            let (found, description) = complete(members.clone()).unwrap_err();
            assert_eq!(found, code, "{members}: {description}");
            assert!(description.contains(part), "{members}: {description}");
        }
    }

    #[test]
    fn the_application_type_follows_from_the_redirect_uris() {
        for (uri, kind) in [
            ("https://c.example/cb", "web"),
            ("http://127.0.0.1/cb", "native"),
            ("com.example:/cb", "native"),
        ] {
            let client = complete(json!({"redirect_uris": [uri]})).unwrap();
            assert_eq!(client.metadata("application_type"), Some(kind));
        }
        complete(json!({"redirect_uris": ["http://localhost/cb"], "application_type": "web"})).unwrap();
    }
}
