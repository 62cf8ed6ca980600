//! The clients and users that a demo application is started with.

use serde_json::{Value, json};

use crate::random;

/// How a client authenticates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Auth {
    /// `client_secret_basic`.
    Basic,
    /// `client_secret_post`.
    Post,
    /// `none`.
    None,
}

impl Auth {
    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Basic => "client_secret_basic",
            Self::Post => "client_secret_post",
            Self::None => "none",
        }
    }
}

/// A client of the seed.
#[derive(Clone, Copy, Debug)]
pub struct Client {
    /// Its `client_id`.
    pub id: &'static str,
    /// How it authenticates.
    pub auth: Auth,
    /// The other members of its metadata, as a JSON object.
    metadata: &'static str,
}

/// The redirect URI of the clients `web` and `other`.
pub const WEB_CB: &str = "https://client.example.com/cb";

/// The clients. Each is there for the sake of its metadata.
pub const CLIENTS: &[Client] = &[
    Client {
        id: "web",
        auth: Auth::Basic,
        metadata: r#"{"client_name": "Web shop", "redirect_uris": ["https://client.example.com/cb"],
            "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
            "scope": "openid profile email offline_access notes.read notes.write"}"#,
    },
    Client {
        id: "other",
        auth: Auth::Basic,
        metadata: r#"{"client_name": "Another shop", "redirect_uris": ["https://client.example.com/cb"],
            "grant_types": ["authorization_code", "refresh_token", "client_credentials", "password"],
            "scope": "notes.read notes.write"}"#,
    },
    Client {
        id: "poster",
        auth: Auth::Post,
        metadata: r#"{"redirect_uris": ["https://poster.example.com/cb"],
            "grant_types": ["authorization_code", "refresh_token", "client_credentials", "password"],
            "scope": "notes.read notes.write"}"#,
    },
    // All members take the defaults of RFC 7591 section 2.
    Client {
        id: "defaults",
        auth: Auth::Basic,
        metadata: r#"{"redirect_uris": ["https://defaults.example.com/cb"], "scope": "notes.read"}"#,
    },
    Client {
        id: "spa",
        auth: Auth::None,
        metadata: r#"{"redirect_uris": ["http://127.0.0.1/cb"], "scope": "notes.read"}"#,
    },
    Client {
        id: "spa-refresh",
        auth: Auth::None,
        metadata: r#"{"redirect_uris": ["https://spa.example.com/cb"],
            "grant_types": ["authorization_code", "refresh_token"], "scope": "notes.read notes.write"}"#,
    },
    Client {
        id: "native",
        auth: Auth::None,
        metadata: r#"{"redirect_uris": ["com.example.app:/cb", "http://127.0.0.1/native", "http://[::1]/native",
            "http://localhost/native"], "scope": "notes.read"}"#,
    },
    Client {
        id: "two-uris",
        auth: Auth::Basic,
        metadata: r#"{"redirect_uris": ["https://two.example.com/cb?tenant=1", "https://two.example.com/other",
            "https://two.example.com:8443/cb"],
            "scope": "notes.read"}"#,
    },
    Client { id: "no-uri", auth: Auth::Basic, metadata: r#"{"scope": "notes.read"}"# },
    Client {
        id: "no-scope",
        auth: Auth::Basic,
        metadata: r#"{"redirect_uris": ["https://noscope.example.com/cb"],
            "grant_types": ["authorization_code", "client_credentials"]}"#,
    },
    Client {
        id: "machine",
        auth: Auth::Basic,
        metadata: r#"{"grant_types": ["client_credentials"], "response_types": [],
            "scope": "notes.read notes.write all"}"#,
    },
    Client {
        id: "resource-server",
        auth: Auth::Basic,
        metadata: r#"{"grant_types": [], "response_types": [], "gridauth_resource_server": true}"#,
    },
    Client {
        id: "demo",
        auth: Auth::None,
        metadata: r#"{"grant_types": ["password", "refresh_token"], "response_types": [],
            "scope": "all notes.read notes.write"}"#,
    },
    Client {
        id: "implicit",
        auth: Auth::None,
        metadata: r#"{"redirect_uris": ["https://implicit.example.com/cb"], "grant_types": ["implicit"],
            "response_types": ["token"], "scope": "notes.read notes.write"}"#,
    },
    // Two that may use every response type of OpenID Connect, and one that lacks a grant type for some of its own.
    Client {
        id: "openid",
        auth: Auth::Basic,
        metadata: r#"{"redirect_uris": ["https://openid.example.com/cb"],
            "grant_types": ["authorization_code", "refresh_token", "implicit"],
            "response_types": ["code", "id_token", "token id_token", "code id_token", "code token", "code id_token token"],
            "scope": "openid profile email offline_access notes.read"}"#,
    },
    Client {
        id: "openid-spa",
        auth: Auth::None,
        metadata: r#"{"redirect_uris": ["https://openid-spa.example.com/cb"],
            "grant_types": ["authorization_code", "implicit"],
            "response_types": ["code", "token", "id_token", "id_token token", "id_token code", "code token", "code id_token token"],
            "scope": "openid profile email notes.read"}"#,
    },
    Client {
        id: "openid-half",
        auth: Auth::Basic,
        metadata: r#"{"redirect_uris": ["https://openid-half.example.com/cb"], "grant_types": ["implicit"],
            "response_types": ["id_token", "code id_token"], "scope": "openid notes.read"}"#,
    },
    // Two devices, one of which can keep a secret.
    Client {
        id: "tv",
        auth: Auth::None,
        metadata: r#"{"client_name": "Living room TV", "response_types": [],
            "grant_types": ["urn:ietf:params:oauth:grant-type:device_code", "refresh_token"],
            "scope": "openid notes.read notes.write"}"#,
    },
    Client {
        id: "set-top-box",
        auth: Auth::Basic,
        metadata: r#"{"client_name": "Set-top box", "response_types": [], "gridauth_first_party": true,
            "grant_types": ["urn:ietf:params:oauth:grant-type:device_code"], "scope": "notes.read"}"#,
    },
    // Two that may exchange their access tokens.
    Client {
        id: "exchanger",
        auth: Auth::Basic,
        metadata: r#"{"response_types": [], "scope": "openid notes.read notes.write all",
            "grant_types": ["password", "refresh_token", "client_credentials",
                "urn:ietf:params:oauth:grant-type:token-exchange"]}"#,
    },
    Client {
        id: "exchanger-spa",
        auth: Auth::None,
        metadata: r#"{"response_types": [], "scope": "notes.read notes.write",
            "grant_types": ["password", "urn:ietf:params:oauth:grant-type:token-exchange"]}"#,
    },
    // May ask for a scope that the server has no description of.
    Client {
        id: "wide",
        auth: Auth::None,
        metadata: r#"{"redirect_uris": ["https://wide.example.com/cb"],
            "scope": "openid email all notes.read notes.write custom.thing"}"#,
    },
    // Both halves of its Basic credentials need encoding (RFC 6749 section 2.3.1).
    Client {
        id: "od:d cli%ent+",
        auth: Auth::Basic,
        metadata: r#"{"grant_types": ["client_credentials"], "scope": "notes.read"}"#,
    },
    // What the server does not support is accepted and stays unusable; other registered members are kept.
    Client {
        id: "unusable",
        auth: Auth::Basic,
        metadata: r##"{"client_name": "Unusable", "client_name#de": "Unbrauchbar", "client_uri": "https://u.example.com/",
            "logo_uri": "https://u.example.com/logo.png", "contacts": ["a@u.example.com"],
            "tos_uri": "https://u.example.com/tos", "policy_uri": "https://u.example.com/policy",
            "software_id": "4711", "software_version": "1.0", "id_token_signed_response_alg": "RS256",
            "default_max_age": 60, "require_auth_time": false, "redirect_uris": ["https://u.example.com/cb"],
            "grant_types": ["urn:ietf:params:oauth:grant-type:saml2-bearer", "urn:example:unknown"],
            "response_types": ["code id_token", "unknown"], "scope": "notes.read"}"##,
    },
];

/// The secret of this client in this run. It has every kind of character that an encoding could lose.
pub fn secret(client_id: &str) -> String {
    let secret = format!("{} p&=+%41:\u{e9}/?#\"\\", random::secret_of(client_id));
    crate::audit::secret(&secret);
    secret
}

/// The client of the seed with this id.
///
/// # Panics
/// If there is none.
#[track_caller]
pub fn client(id: &str) -> Client {
    CLIENTS
        .iter()
        .copied()
        .find(|client| client.id == id)
        .unwrap_or_else(|| panic!("the seed has no client {id}"))
}

impl Client {
    /// Its entry in a seed file.
    ///
    /// # Panics
    /// If its metadata is not JSON.
    pub fn entry(&self) -> Value {
        let mut entry: Value = serde_json::from_str(self.metadata).expect("the metadata is JSON");
        entry["client_id"] = json!(self.id);
        if self.auth != Auth::Basic {
            entry["token_endpoint_auth_method"] = json!(self.auth.name());
        }
        if self.auth != Auth::None {
            entry["client_secret"] = json!(secret(self.id));
        }
        entry
    }
}

/// A seed with all clients and no users.
pub fn standard() -> Value {
    let mut clients: Vec<Value> = CLIENTS.iter().map(Client::entry).collect();
    // It has no key, so it cannot authenticate.
    clients.push(json!({
        "client_id": "key-holder", "token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": []},
        "grant_types": ["client_credentials"], "scope": "notes.read",
    }));
    json!({ "users": [], "clients": clients })
}

/// A seed with these clients only.
pub fn of(ids: &[&str]) -> Value {
    json!({ "clients": ids.iter().map(|id| client(id).entry()).collect::<Vec<Value>>() })
}
