//! The requests that clients send.

use std::sync::Arc;

use crate::Result;
use crate::http::{Answer, Connection};
use crate::load::Job;
use crate::process::Server;

/// Requests the same path repeatedly, each time with the next of many tokens.
pub(crate) struct Visit {
    path: &'static str,
    tokens: Arc<[String]>,
    next: usize,
    step: usize,
    requests: Vec<Vec<u8>>,
}

impl Visit {
    /// One job per client, which share out the tokens.
    pub(crate) fn of(path: &'static str, tokens: &Arc<[String]>, clients: usize) -> Vec<Self> {
        (0..clients)
            .map(|next| Self { path, tokens: Arc::clone(tokens), next, step: clients, requests: Vec::new() })
            .collect()
    }
}

impl Job for Visit {
    fn request(&mut self, connection: &Connection) -> Option<&[u8]> {
        if self.requests.is_empty() {
            let own = self.tokens.iter().skip(self.next).step_by(self.step);
            self.requests = own.map(|token| connection.get(self.path, &format!("Bearer {token}"))).collect();
            self.next = 0;
        }
        self.next = (self.next + 1) % self.requests.len();
        self.requests.get(self.next).map(Vec::as_slice)
    }

    fn answered(&mut self, answer: &Answer<'_>) -> Result<()> {
        answer.expect(200)
    }
}

/// A token request that can be sent any number of times.
pub(crate) struct Issue {
    path: &'static str,
    authorization: String,
    form: Vec<(&'static str, &'static str)>,
    request: Vec<u8>,
    /// The issued tokens that are kept.
    pub(crate) tokens: Vec<String>,
    /// How many tokens to keep.
    pub(crate) keep: usize,
}

impl Issue {
    /// Jobs that use the client credentials grant, one per client.
    pub(crate) fn client_credentials(path: &'static str, server: &Server, clients: usize) -> Vec<Self> {
        let form = vec![("grant_type", "client_credentials"), ("scope", "notes.read")];
        (0..clients).map(|_| Self::of(path, server, form.clone())).collect()
    }

    /// Jobs that use the password grant, one per client.
    pub(crate) fn password(server: &Server, clients: usize) -> Vec<Self> {
        let form = vec![("grant_type", "password"), ("username", "israel"), ("password", "imru")];
        (0..clients).map(|_| Self::of("/oauth/token", server, form.clone())).collect()
    }

    fn of(path: &'static str, server: &Server, form: Vec<(&'static str, &'static str)>) -> Self {
        let authorization = server.authorization.clone();
        Self { path, authorization, form, request: Vec::new(), tokens: Vec::new(), keep: 0 }
    }
}

impl Job for Issue {
    fn request(&mut self, connection: &Connection) -> Option<&[u8]> {
        if self.request.is_empty() {
            self.request = connection.post(self.path, &self.authorization, &self.form);
        }
        Some(&self.request)
    }

    fn answered(&mut self, answer: &Answer<'_>) -> Result<()> {
        answer.expect(200)?;
        if self.tokens.len() < self.keep {
            self.tokens.push(answer.member("access_token")?);
        }
        Ok(())
    }
}

/// Requests codes, as a browser in which a user is signed in.
pub(crate) struct Authorize {
    request: Vec<u8>,
    left: usize,
    pub(crate) codes: Vec<String>,
}

impl Authorize {
    pub(crate) fn new(codes: usize) -> Self {
        Self { request: Vec::new(), left: codes, codes: Vec::with_capacity(codes) }
    }
}

const REDIRECT_URI: &str = "https://client.example.com/cb";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

impl Job for Authorize {
    fn request(&mut self, connection: &Connection) -> Option<&[u8]> {
        self.left = self.left.checked_sub(1)?;
        if self.request.is_empty() {
            let query = form_urlencoded::Serializer::new(String::new())
                .extend_pairs([
                    ("client_id", "web"),
                    ("redirect_uri", REDIRECT_URI),
                    ("response_type", "code"),
                    ("scope", "notes.read"),
                    ("state", "xyz"),
                    ("code_challenge", CHALLENGE),
                    ("code_challenge_method", "S256"),
                ])
                .finish();
            self.request = connection.get(&format!("/oauth/authorize?{query}"), "");
        }
        Some(&self.request)
    }

    fn answered(&mut self, answer: &Answer<'_>) -> Result<()> {
        answer.expect(303)?;
        let code = answer.headers.split_once("code=").and_then(|(_, rest)| rest.split(['&', '\r']).next());
        self.codes.push(code.ok_or("there is no code")?.to_owned());
        Ok(())
    }
}

/// Redeems each code once.
pub(crate) struct Redeem {
    authorization: String,
    codes: Vec<String>,
    request: Vec<u8>,
    /// The last refresh token.
    pub(crate) refresh_token: Option<String>,
    keep: bool,
}

impl Redeem {
    pub(crate) fn new(server: &Server, codes: Vec<String>, keep_refresh_token: bool) -> Self {
        let authorization = server.authorization.clone();
        Self { authorization, codes, request: Vec::new(), refresh_token: None, keep: keep_refresh_token }
    }
}

impl Job for Redeem {
    fn request(&mut self, connection: &Connection) -> Option<&[u8]> {
        let code = self.codes.pop()?;
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("redirect_uri", REDIRECT_URI),
            ("code_verifier", VERIFIER),
        ];
        self.request = connection.post("/oauth/token", &self.authorization, &form);
        Some(&self.request)
    }

    fn answered(&mut self, answer: &Answer<'_>) -> Result<()> {
        answer.expect(200)?;
        if self.keep {
            self.refresh_token = Some(answer.member("refresh_token")?);
        }
        Ok(())
    }
}

/// Rotates a refresh token repeatedly.
pub(crate) struct Rotate {
    authorization: String,
    refresh_token: String,
    request: Vec<u8>,
}

impl Rotate {
    pub(crate) fn new(server: &Server, refresh_token: String) -> Self {
        Self { authorization: server.authorization.clone(), refresh_token, request: Vec::new() }
    }
}

impl Job for Rotate {
    fn request(&mut self, connection: &Connection) -> Option<&[u8]> {
        let form = [("grant_type", "refresh_token"), ("refresh_token", self.refresh_token.as_str())];
        self.request = connection.post("/oauth/token", &self.authorization, &form);
        Some(&self.request)
    }

    fn answered(&mut self, answer: &Answer<'_>) -> Result<()> {
        answer.expect(200)?;
        self.refresh_token = answer.member("refresh_token")?;
        Ok(())
    }
}
