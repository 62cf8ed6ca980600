//! The client's side of OAuth: requests as a correct client sends them, and the parsing of responses.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::browser::Browser;
use crate::case::User;
use crate::demo::Demo;
use crate::html::Page;
use crate::http::{Request, Response, decode};
use crate::seed::{self, Auth};
use crate::{audit, random};

/// A code verifier and its challenge (RFC 7636).
#[derive(Clone, Debug)]
pub struct Pkce {
    /// The verifier.
    pub verifier: String,
    /// Its `S256` challenge.
    pub challenge: String,
}

impl Pkce {
    /// A new pair.
    pub fn new() -> Self {
        let verifier = format!("{}~._-verifier-0", random::secret_of(&random::unique("pkce")));
        audit::secret(&verifier);
        let challenge = challenge_of(&verifier);
        Self { verifier, challenge }
    }
}

impl Default for Pkce {
    fn default() -> Self {
        Self::new()
    }
}

/// The `S256` challenge of a verifier.
pub fn challenge_of(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()))
}

/// A request of this client of the seed, authenticated by the method that it is registered with.
#[track_caller]
pub fn as_client(app: &Demo, endpoint: &str, client_id: &str, parameters: &[(&str, &str)]) -> Request {
    let client = seed::client(client_id);
    let path = app.endpoint(endpoint);
    let mut all = parameters.to_vec();
    let secret = if client.auth == Auth::None { String::new() } else { seed::secret(client_id) };
    match client.auth {
        Auth::Basic => Request::form(path, &all).basic(client_id, &secret),
        Auth::Post => {
            all.extend([("client_id", client_id), ("client_secret", &secret)]);
            Request::form(path, &all)
        }
        Auth::None => {
            all.push(("client_id", client_id));
            Request::form(path, &all)
        }
    }
}

/// Sends a token request of this client.
#[track_caller]
pub fn token(app: &Demo, client_id: &str, parameters: &[(&str, &str)]) -> Response {
    app.send(&as_client(app, "token", client_id, parameters))
}

/// The content of a successful token response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokens {
    /// The access token.
    pub access: String,
    /// The refresh token, if there is one.
    pub refresh: Option<String>,
    /// The scope; empty if the response has none.
    pub scope: String,
    /// The lifetime of the access token in seconds.
    pub expires_in: u64,
}

impl Tokens {
    /// Parses a token response and checks its form (RFC 6749 section 5.1).
    ///
    /// # Panics
    /// If it is not a successful one.
    #[track_caller]
    pub fn of(response: &Response) -> Self {
        assert_eq!(response.status, 200, "{response:#}");
        let json = response.json();
        assert_eq!(
            json["token_type"].as_str().map(str::to_lowercase),
            Some("bearer".to_owned()),
            "{response:#}"
        );
        assert_eq!(response.header("cache-control"), Some("no-store"), "{response:#}");
        let text = |name: &str| json[name].as_str().map(str::to_owned);
        let refresh = text("refresh_token");
        assert!(refresh.is_some() || json.get("refresh_token").is_none(), "{response:#}");
        Self {
            access: text("access_token").unwrap_or_else(|| panic!("no access_token: {response:#}")),
            refresh,
            scope: text("scope").unwrap_or_default(),
            expires_in: json["expires_in"].as_u64().unwrap_or_else(|| panic!("no expires_in: {response:#}")),
        }
    }

    /// The refresh token.
    ///
    /// # Panics
    /// If there is none.
    #[track_caller]
    pub fn refresh(&self) -> &str {
        self.refresh.as_deref().expect("a refresh token")
    }
}

/// An authorization response: the redirect URI and the parameters.
#[derive(Clone, Debug)]
pub struct Redirect {
    /// The URI without the parameters that the server added.
    pub uri: String,
    /// The parameters in its query.
    pub query: Vec<(String, String)>,
    /// The parameters in its fragment.
    pub fragment: Vec<(String, String)>,
}

impl Redirect {
    /// Parses a response that redirects the browser (RFC 9700 section 4.12: with 303).
    ///
    /// # Panics
    /// If it is not one.
    #[track_caller]
    pub fn of(response: &Response) -> Self {
        assert_eq!(response.status, 303, "{response:#}");
        let location = response.header("location").unwrap_or_default();
        let (rest, fragment) = location.split_once('#').unwrap_or((location, ""));
        let (uri, query) = rest.split_once('?').unwrap_or((rest, ""));
        Self { uri: uri.to_owned(), query: decode(query), fragment: decode(fragment) }
    }

    /// A parameter of the query.
    ///
    /// # Panics
    /// If it occurs twice.
    #[track_caller]
    pub fn get(&self, name: &str) -> Option<&str> {
        only(&self.query, name)
    }

    /// A parameter of the fragment.
    ///
    /// # Panics
    /// If it occurs twice.
    #[track_caller]
    pub fn in_fragment(&self, name: &str) -> Option<&str> {
        only(&self.fragment, name)
    }

    /// The redirect, which must have this error and no code in its query.
    ///
    /// # Panics
    /// If it does not.
    #[track_caller]
    pub fn expect_error(self, error: &str) -> Self {
        assert_eq!(self.get("error"), Some(error), "{self:?}");
        assert_eq!(self.get("code"), None, "{self:?}");
        self
    }
}

#[track_caller]
fn only<'a>(parameters: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let found: Vec<&str> =
        parameters.iter().filter(|(own, _)| own == name).map(|(_, value)| value.as_str()).collect();
    assert!(found.len() < 2, "{name} occurs {} times in {parameters:?}", found.len());
    found.first().copied()
}

/// A complete authorization request for a code.
#[derive(Clone, Debug)]
pub struct CodeRequest {
    /// The client.
    pub client_id: String,
    /// The parameters, including `client_id` and the challenge of `pkce`.
    pub parameters: Vec<(String, String)>,
    /// The verifier and its challenge.
    pub pkce: Pkce,
}

impl CodeRequest {
    /// A request of this client of the seed, to this redirect URI, for `notes.read`.
    pub fn new(client_id: &str, redirect_uri: &str) -> Self {
        let pkce = Pkce::new();
        let parameters = [
            ("response_type", "code"),
            ("client_id", client_id),
            ("redirect_uri", redirect_uri),
            ("scope", "notes.read"),
            ("code_challenge", &pkce.challenge),
            ("code_challenge_method", "S256"),
        ];
        let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        Self { client_id: client_id.to_owned(), parameters, pkce }
    }

    /// The request of the client `web`.
    pub fn web() -> Self {
        Self::new("web", seed::WEB_CB)
    }

    /// With this parameter, replacing any of that name.
    #[must_use]
    pub fn with(self, name: &str, value: &str) -> Self {
        let mut request = self.without(name);
        request.parameters.push((name.to_owned(), value.to_owned()));
        request
    }

    /// With one more parameter, even if there is one of that name.
    #[must_use]
    pub fn and(mut self, name: &str, value: &str) -> Self {
        self.parameters.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Without this parameter.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.parameters.retain(|(own, _)| own != name);
        self
    }

    /// The parameters.
    pub fn pairs(&self) -> Vec<(&str, &str)> {
        self.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    /// The first response to a browser in which nobody is signed in.
    #[track_caller]
    pub fn open(&self, app: &Demo) -> Response {
        Browser::new(app).authorize(&self.pairs())
    }

    /// The redirect to the client, which must report this error.
    #[track_caller]
    pub fn refused(&self, app: &Demo, error: &str) -> Redirect {
        Redirect::of(&self.open(app)).expect_error(error)
    }

    /// Goes the whole way to the redirect in a new browser.
    #[track_caller]
    pub fn go_through(&self, app: &Demo, user: &User) -> Redirect {
        Redirect::of(&Browser::new(app).go_through(&self.pairs(), user))
    }

    /// A code for this request.
    ///
    /// # Panics
    /// If none is issued.
    #[track_caller]
    pub fn code(&self, app: &Demo, user: &User) -> String {
        let redirect = self.go_through(app, user);
        redirect.get("code").unwrap_or_else(|| panic!("no code: {redirect:?}")).to_owned()
    }

    /// The parameters of the token request that redeems `code`.
    pub fn redemption<'a>(&'a self, code: &'a str) -> Vec<(&'a str, &'a str)> {
        let mut parameters = vec![("grant_type", "authorization_code"), ("code", code)];
        let find = |name: &str| self.parameters.iter().find(|(own, _)| own == name);
        if let Some((_, uri)) = find("redirect_uri") {
            parameters.push(("redirect_uri", uri));
        }
        if find("code_challenge").is_some() {
            parameters.push(("code_verifier", &self.pkce.verifier));
        }
        parameters
    }

    /// Redeems a code.
    #[track_caller]
    pub fn redeem(&self, app: &Demo, code: &str) -> Response {
        token(app, &self.client_id, &self.redemption(code))
    }

    /// Gets a code and redeems it.
    #[track_caller]
    pub fn tokens(&self, app: &Demo, user: &User) -> Tokens {
        Tokens::of(&self.redeem(app, &self.code(app, user)))
    }
}

/// Tokens of the client `demo` for this user, by the password grant.
#[track_caller]
pub fn password_tokens(app: &Demo, user: &User, scope: &str) -> Tokens {
    let parameters = [
        ("grant_type", "password"),
        ("username", user.username.as_str()),
        ("password", user.password.as_str()),
        ("scope", scope),
    ];
    Tokens::of(&token(app, "demo", &parameters))
}

/// Sends a refresh request of this client.
#[track_caller]
pub fn refresh(app: &Demo, client_id: &str, refresh_token: &str) -> Response {
    token(app, client_id, &[("grant_type", "refresh_token"), ("refresh_token", refresh_token)])
}

/// The introspection response about a token, for the resource server of the seed.
#[track_caller]
pub fn introspect(app: &Demo, token: &str) -> Value {
    app.send(&as_client(app, "introspect", "resource-server", &[("token", token)])).expect(200).json()
}

/// The status of `/whoami` with this token.
#[track_caller]
pub fn whoami(app: &Demo, token: &str) -> u16 {
    app.send(&Request::get("/whoami").bearer(token)).status
}

/// Whether a guard accepts an access token.
///
/// # Panics
/// If the status is neither 200 nor 401.
#[track_caller]
pub fn is_valid(app: &Demo, token: &str) -> bool {
    match whoami(app, token) {
        200 => true,
        401 => false,
        other => panic!("the guard responded with {other}"),
    }
}

/// The URL that a form post page posts to, and the parameters (OAuth 2.0 Form Post Response Mode).
#[track_caller]
pub fn form_post(response: &Response) -> (String, Vec<(String, String)>) {
    assert_eq!(response.status, 200, "{response:#}");
    let page = Page::read(response.text());
    let form = page.form();
    assert_eq!(form.method, "post");
    (form.action.clone(), form.fields.clone())
}
