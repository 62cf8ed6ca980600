//! An OpenID provider with every response type, and what its clients do with its answers.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gridauth::env::Timestamp;
use gridauth::grant::extension::OpenId;
use gridauth::jose::{Algorithm, Jws, KeySet, PrivateKey};
use gridauth::keys::{CurrentKey, Signer, SignerError};
use gridauth::model::ClientBuilder;
use gridauth::token::Secret;
use gridauth::{Builder, Client, Response};
use serde_json::{Value, json};
use sha2::{Digest, Sha256, Sha512};

use crate::support::*;

/// The redirect URI of the public client `spa`.
pub(crate) const SPA: &str = "https://spa.example.com/cb";

pub(crate) const NONCE: &str = "n-0S6_WzA2Mj";

/// The response types beside `code` and `token`.
pub(crate) const RESPONSE_TYPES: [&str; 5] =
    ["id_token", "id_token token", "code id_token", "code token", "code id_token token"];

pub(crate) fn has(response_type: &str, word: &str) -> bool {
    response_type.split(' ').any(|own| own == word)
}

/// Signs with one key per algorithm, until it is told to fail. Making an RSA key for each test would take long.
#[derive(Clone, Debug)]
pub(crate) struct TestSigner {
    left: Arc<AtomicUsize>,
}

impl TestSigner {
    pub(crate) fn new() -> Self {
        Self { left: Arc::new(AtomicUsize::new(usize::MAX)) }
    }

    /// It signs this many times more, and then fails.
    pub(crate) fn fail_after(&self, times: usize) {
        self.left.store(times, Ordering::SeqCst);
    }

    pub(crate) fn recover(&self) {
        self.fail_after(usize::MAX);
    }
}

fn keys() -> &'static [PrivateKey; 3] {
    static KEYS: OnceLock<[PrivateKey; 3]> = OnceLock::new();
    KEYS.get_or_init(|| {
        [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa]
            .map(|algorithm| PrivateKey::generate(algorithm).unwrap())
    })
}

#[gridauth::async_trait]
impl Signer for TestSigner {
    fn algorithms(&self) -> Vec<Algorithm> {
        keys().iter().map(PrivateKey::algorithm).collect()
    }

    async fn current(&self, algorithm: Algorithm, _now: Timestamp) -> Result<CurrentKey, SignerError> {
        let key = keys().iter().find(|key| key.algorithm() == algorithm).ok_or(SignerError::NoKey)?;
        Ok(CurrentKey::new(key.public().id().unwrap(), Arc::new(algorithm)))
    }

    async fn sign(&self, key: &CurrentKey, input: &[u8]) -> Result<Vec<u8>, SignerError> {
        tokio::task::yield_now().await;
        let left = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if left.is_err() {
            return Err(SignerError::Unavailable("it is down".into()));
        }
        let key = keys().iter().find(|own| own.public().id() == Some(key.id())).ok_or(SignerError::NoKey)?;
        Ok(key.sign(input)?)
    }

    async fn published(&self, _now: Timestamp) -> Result<KeySet, SignerError> {
        Ok(KeySet::new(keys().iter().map(|key| key.public().clone())))
    }
}

/// A provider with the first-party clients `web` (confidential) and `spa` (public), and the user israel, who has claims.
pub(crate) async fn provider() -> Server {
    provider_with(|builder| builder).await
}

pub(crate) async fn provider_with(configure: impl FnOnce(Builder) -> Builder) -> Server {
    let server = server_with(|builder| {
        configure(builder.openid(OpenId::new().implicit().hybrid()).signer(TestSigner::new()))
    })
    .await;
    let claims = json!({
        "name": "Israel", "email": "israel@example.com", "email_verified": true, "phone_number": "+1 555",
    });
    let claims = claims.as_object().unwrap().clone();
    server.auth.put_user("israel", &Secret::from("imru"), "israel", claims).await.unwrap();
    put_web(&server, |web| web).await;
    let spa = Client::public("spa").redirect_uri(SPA);
    server.auth.put_client(of_all_types(spa).build().unwrap()).await.unwrap();
    server
}

/// Registers the client `web` anew, with changes.
pub(crate) async fn put_web(server: &Server, change: impl FnOnce(ClientBuilder) -> ClientBuilder) {
    let web = server.auth.confidential_client("web", "web-secret").await.unwrap().redirect_uri(REDIRECT);
    server.auth.put_client_unchecked(change(of_all_types(web)).build().unwrap()).await.unwrap();
}

pub(crate) fn of_all_types(client: ClientBuilder) -> ClientBuilder {
    client
        .first_party(true)
        .grant_types(["authorization_code", "refresh_token", "implicit"])
        .response_types(["code"].into_iter().chain(RESPONSE_TYPES))
        .scope("openid profile email offline_access notes.read notes.write")
}

/// A request of `web` for this response type, with a nonce, and without a challenge where no code comes back.
pub(crate) fn request(response_type: &str, more: &[(&str, &str)]) -> String {
    let mut all = vec![("response_type", response_type), ("scope", "openid notes.read"), ("nonce", NONCE)];
    if !has(response_type, "code") {
        all.extend([("code_challenge", ""), ("code_challenge_method", "")]);
    }
    for (name, value) in more {
        all.retain(|(own, _)| own != name);
        all.push((name, value));
    }
    authorize_uri(&all)
}

/// The parameters of an authorization response in its own mode: a redirect, or a page that posts.
pub(crate) fn parameters(response: &Response) -> BTreeMap<String, String> {
    let decode = |encoded: &str| -> Vec<(String, String)> {
        form_urlencoded::parse(encoded.as_bytes()).into_owned().collect()
    };
    let pairs = if response.status() == 303 {
        let location = location(response);
        decode(location.split_once(['#', '?']).unwrap().1)
    } else {
        let page = text(response);
        let inputs = page.split("<input type=\"hidden\" name=\"").skip(1);
        inputs
            .map(|input| {
                let name = input.split('"').next().unwrap();
                (name.to_owned(), hidden(response, name))
            })
            .collect()
    };
    let count = pairs.len();
    let parameters: BTreeMap<String, String> = pairs.into_iter().collect();
    assert_eq!(parameters.len(), count, "a parameter is sent twice: {parameters:?}");
    parameters
}

/// The answer when israel signs in with a new browser.
pub(crate) async fn signed_in(server: &Server, uri: &str) -> Response {
    let page = server.get(uri, None).await;
    assert_eq!(page.status(), 200, "{}", text(&page));
    server.submit_sign_in(&page, &cookie(&page).unwrap(), "israel", "imru").await
}

/// Signs in and consents where that is asked; the parameters of the answer.
pub(crate) async fn answered(server: &Server, uri: &str) -> BTreeMap<String, String> {
    let browser = server.sign_in(uri).await;
    let asks = browser.page.status() == 200 && text(&browser.page).contains("name=\"decision\"");
    let page = if asks { browser.allow(server).await } else { browser.page };
    parameters(&page)
}

/// The claims of a token that the published keys verify.
pub(crate) async fn verified(server: &Server, token: &str) -> Value {
    let (status, jwks) = answer(server.get("/oauth/jwks", None).await);
    assert_eq!(status, 200);
    let jws = Jws::parse(token).unwrap();
    let keys = KeySet::from_jwks(&jwks).unwrap();
    let signer = keys.signer_of(&jws).unwrap_or_else(|| panic!("no published key signed {token}"));
    assert_eq!(signer.algorithm().map(Algorithm::name), Some(jws.algorithm_name()));
    jws.claims().unwrap()
}

/// `at_hash`, `c_hash` or `s_hash` of a text (OpenID Connect Core section 3.1.3.6), written here once more.
pub(crate) fn half_hash(algorithm: Algorithm, text: &str) -> Value {
    let half = match algorithm {
        Algorithm::EdDsa => Sha512::digest(text)[..32].to_vec(),
        _ => Sha256::digest(text)[..16].to_vec(),
    };
    URL_SAFE_NO_PAD.encode(half).into()
}

/// The error of an authorization response.
#[track_caller]
pub(crate) fn error_of(response: &Response) -> String {
    let parameters = parameters(response);
    for secret in ["code", "id_token", "access_token"] {
        assert!(!parameters.contains_key(secret), "{secret} beside an error: {parameters:?}");
    }
    assert_eq!(parameters.get("iss").map(String::as_str), Some(ISSUER));
    parameters.get("error").unwrap_or_else(|| panic!("no error: {parameters:?}")).clone()
}

/// A token request of the public client `spa`.
pub(crate) async fn spa_token(server: &Server, code: &str) -> (u16, Value) {
    let mut form = redeem(code).to_vec();
    form.retain(|(name, _)| *name != "redirect_uri");
    form.extend([("client_id", "spa"), ("redirect_uri", SPA)]);
    answer(server.post("/oauth/token", &[], &form).await)
}

/// Whether the guard accepts an access token.
pub(crate) async fn is_valid(server: &Server, access_token: &str) -> bool {
    server.is_valid(&json!({ "access_token": access_token })).await
}

#[tokio::test]
async fn the_signer_of_these_tests_is_a_good_one() {
    let problems = gridauth::keys::conformance::check(&TestSigner::new(), Timestamp::from_millis(0)).await;
    assert_eq!(problems, [""; 0]);
}
