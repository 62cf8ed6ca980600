//! DPoP proofs as a client makes them, right and wrong.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gridauth::env::{Clock, SystemClock};
use gridauth::jose::{Algorithm, PrivateKey};
use gridauth_conformance::{Demo, Request, Response, random};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The key of a client.
pub(crate) struct ProofKey(pub(crate) PrivateKey);

impl ProofKey {
    pub(crate) fn new() -> Self {
        Self::of(Algorithm::Es256)
    }

    pub(crate) fn of(algorithm: Algorithm) -> Self {
        Self(PrivateKey::generate(algorithm).unwrap())
    }

    pub(crate) fn thumbprint(&self) -> String {
        self.0.public().thumbprint()
    }

    /// The header of a good proof.
    pub(crate) fn header(&self) -> Value {
        let jwk = self.0.public().to_jwk();
        json!({ "typ": "dpop+jwt", "alg": jwk["alg"], "jwk": jwk })
    }

    /// Signs a proof with this header and these claims.
    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        let input = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header.to_string()),
            URL_SAFE_NO_PAD.encode(claims.to_string())
        );
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(self.0.sign(input.as_bytes()).unwrap()))
    }

    /// A good proof for this request.
    pub(crate) fn proof(&self, method: &str, url: &str, token: Option<&str>) -> String {
        self.sign(&self.header(), &claims(method, url, token))
    }

    /// A token request with a good proof.
    pub(crate) fn with_proof(&self, app: &Demo, request: Request) -> Request {
        let url = format!("{}/oauth/token", app.issuer);
        let proof = self.proof("POST", &url, None);
        request.header("DPoP", proof)
    }

    /// A guarded request with this token and a good proof.
    pub(crate) fn show(&self, app: &Demo, request: Request, token: &str) -> Request {
        let url = format!("{}{}", app.issuer, request.path());
        let proof = self.proof(&request.method, &url, Some(token));
        shown(request, token).header("DPoP", proof)
    }

    /// The answer to `GET /whoami` with this token and a good proof.
    #[track_caller]
    pub(crate) fn whoami(&self, app: &Demo, token: &str) -> Response {
        app.send(&self.show(app, Request::get("/whoami"), token))
    }
}

/// A request with this token under the scheme `DPoP`, without a proof.
pub(crate) fn shown(request: Request, token: &str) -> Request {
    request.header("Authorization", format!("DPoP {token}"))
}

pub(crate) fn now() -> i64 {
    SystemClock.now().as_secs()
}

/// The claims of a good proof.
pub(crate) fn claims(method: &str, url: &str, token: Option<&str>) -> Value {
    let mut claims = json!({ "jti": random::unique("proof"), "htm": method, "htu": url, "iat": now() });
    if let Some(token) = token {
        claims["ath"] = json!(URL_SAFE_NO_PAD.encode(Sha256::digest(token)));
    }
    claims
}

/// The access token and the refresh token of a response with a token that is bound to a key.
#[track_caller]
pub(crate) fn bound_tokens(response: &Response) -> (String, Option<String>) {
    let answer = response.clone().expect(200).json();
    assert_eq!(answer["token_type"], "DPoP", "{response:#}");
    let text = |name: &str| answer[name].as_str().map(str::to_owned);
    (text("access_token").unwrap(), text("refresh_token"))
}

/// A guard's response to a request with a bound token and without the proof for it: 401 with the challenges of both schemes, each on a
/// line of its own, and this error.
#[track_caller]
pub(crate) fn is_refused(response: &Response, error: &str) {
    assert_eq!(response.status, 401, "{response:#}");
    assert_eq!(response.json()["error"], error, "{response:#}");
    let challenges = response.headers_named("www-authenticate");
    let [bearer, dpop] = challenges[..] else { panic!("{response:#}") };
    assert!(bearer.starts_with("Bearer realm=\"") && dpop.starts_with("DPoP realm=\""), "{response:#}");
    assert!(dpop.contains("algs=\"") && dpop.contains("ES256"), "{response:#}");
    let told = format!("error=\"{error}\"");
    assert!(bearer.contains(&told) != dpop.contains(&told), "{response:#}");
}
