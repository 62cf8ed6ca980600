//! Sign-in in the operator's own apps, without a browser (draft-ietf-oauth-first-party-apps).

use gridauth::identity::{FirstPartySignIn, SecondStep, UsersError};
use gridauth::protocol::Parameters;
use gridauth::{Builder, Client, User};
use serde_json::{Map, Value, json};

use crate::support::*;

const CHALLENGE: &str = "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU";

async fn server_for(sign_in: FirstPartySignIn) -> Server {
    server_with_more(sign_in, |builder| builder).await
}

async fn server_with_more(sign_in: FirstPartySignIn, configure: impl FnOnce(Builder) -> Builder) -> Server {
    let server = server_with(|builder| configure(builder.first_party_sign_in(sign_in))).await;
    for (id, first_party) in [("app", true), ("other-app", true), ("stranger", false)] {
        let client = Client::public(id)
            .grant_types(["authorization_code", "refresh_token"])
            .scope("notes.read notes.write");
        server.auth.put_client_unchecked(client.first_party(first_party).build().unwrap()).await.unwrap();
    }
    server
}

impl Server {
    async fn challenge(&self, client: &str, form: &[(&str, &str)]) -> (u16, Value) {
        let all = [
            &[("client_id", client), ("code_challenge", CHALLENGE), ("code_challenge_method", "S256")],
            form,
        ]
        .concat();
        answer(self.post("/oauth/authorize-challenge", &[], &all).await)
    }

    async fn redeem_as(&self, client: &str, code: &str, verifier: &str) -> (u16, Value) {
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", client),
            ("code", code),
            ("code_verifier", verifier),
        ];
        answer(self.post("/oauth/token", &[], &form).await)
    }
}

#[track_caller]
fn is_error((status, error): &(u16, Value), code: &str) {
    assert_eq!((*status, error["error"].as_str()), (400, Some(code)), "{error}");
}

/// The verifier of `CHALLENGE` would be empty, which no client may have. So a challenge is made from a real one.
fn pkce() -> (String, &'static str) {
    use base64::Engine;
    use sha2::Digest;
    (base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(sha2::Sha256::digest(VERIFIER)), VERIFIER)
}

#[tokio::test]
async fn an_app_signs_a_user_in_and_redeems_its_code() {
    let server = server_for(FirstPartySignIn::new()).await;
    let (challenge, verifier) = pkce();
    let form = [
        ("client_id", "app"),
        ("code_challenge", &*challenge),
        ("code_challenge_method", "S256"),
        ("scope", "notes.read"),
        ("username", "israel"),
        ("password", "imru"),
    ];
    let response = server.post("/oauth/authorize-challenge", &[], &form).await;
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert_eq!(response.headers().get("set-cookie"), None);
    let (status, answered) = answer(response);
    assert_eq!(status, 200, "{answered}");
    let code = string(&answered, "authorization_code");
    assert_eq!(server.redeem_as("other-app", &code, verifier).await.0, 400);
    is_error(
        &server.redeem_as("app", &code, "another-verifier-another-verifier-another-ve").await,
        "invalid_grant",
    );
    let (status, tokens) = server.redeem_as("app", &code, verifier).await;
    assert_eq!((status, &tokens["scope"]), (200, &json!("notes.read")), "{tokens}");
    assert!(tokens["refresh_token"].is_string());
    let token = gridauth::http::BearerToken::new(&string(&tokens, "access_token"));
    let access = server.auth.authenticate(&token).await.unwrap();
    assert_eq!((access.user(), access.client()), (Some("israel"), "app"));
    assert_eq!(access.authentication().unwrap().amr, ["pwd"]);
    is_error(&server.redeem_as("app", &code, verifier).await, "invalid_grant");
}

#[tokio::test]
async fn what_is_wrong_is_told_in_the_drafts_words() {
    let server = server_for(FirstPartySignIn::new()).await;
    let right = [("username", "israel"), ("password", "imru")];
    is_error(&server.challenge("app", &[]).await, "insufficient_authorization");
    is_error(&server.challenge("app", &right[..1]).await, "insufficient_authorization");
    let wrong = server.challenge("app", &[right[0], ("password", "wrong")]).await;
    let unknown = server.challenge("app", &[("username", "nobody"), ("password", "wrong")]).await;
    is_error(&wrong, "insufficient_authorization");
    assert_eq!(wrong, unknown);
    is_error(&server.challenge("stranger", &right).await, "unauthorized_client");
    is_error(&server.challenge("app", &[&right[..], &[("scope", "all")]].concat()).await, "invalid_scope");
    is_error(
        &server.challenge("app", &[&right[..], &[("response_type", "token")]].concat()).await,
        "invalid_request",
    );
    is_error(
        &server
            .challenge("app", &[&right[..], &[("redirect_uri", "https://evil.example/cb")]].concat())
            .await,
        "invalid_request",
    );
    is_error(
        &server.challenge("app", &[&right[..], &[("username", "israel")]].concat()).await,
        "invalid_request",
    );
    is_error(&server.challenge("app", &[("auth_session", "x")]).await, "invalid_session");
    // A public client has to use PKCE.
    let without = [&[("client_id", "app")], &right[..]].concat();
    is_error(&answer(server.post("/oauth/authorize-challenge", &[], &without).await), "invalid_request");
    let nobody = [&[("client_id", "nobody")], &right[..]].concat();
    assert_eq!(server.post("/oauth/authorize-challenge", &[], &nobody).await.status(), 401);
    assert_eq!(server.get("/oauth/authorize-challenge", None).await.status(), 405);
}

#[tokio::test]
async fn guesses_are_throttled_with_all_others() {
    let server = server_for(FirstPartySignIn::new()).await;
    for _ in 0..20 {
        is_error(
            &server.challenge("app", &[("username", "israel"), ("password", "wrong")]).await,
            "insufficient_authorization",
        );
    }
    assert_eq!(server.challenge("app", &[("username", "israel"), ("password", "imru")]).await.0, 429);
    let password = [("grant_type", "password"), ("username", "israel"), ("password", "imru")];
    assert_eq!(server.token(&password).await.0, 429);
}

/// Asks israel for the code 123456.
struct OneTimeCode;

#[gridauth::async_trait]
impl SecondStep for OneTimeCode {
    async fn challenge(&self, user: &User) -> Result<Option<Map<String, Value>>, UsersError> {
        let asks = user.username() == "israel";
        Ok(asks.then(|| Map::from_iter([("otp_required".to_owned(), true.into())])))
    }

    async fn verify(&self, _user: &User, answer: &Parameters) -> Result<Option<Vec<String>>, UsersError> {
        Ok((answer.get("otp") == Some("123456")).then(|| vec!["otp".to_owned()]))
    }
}

#[tokio::test]
async fn a_second_step_follows_the_password() {
    let server = server_for(FirstPartySignIn::new().second_step(OneTimeCode)).await;
    let first =
        server.challenge("app", &[("username", "israel"), ("password", "imru"), ("otp", "123456")]).await;
    is_error(&first, "insufficient_authorization");
    assert_eq!(first.1["otp_required"], true);
    let session = string(&first.1, "auth_session");
    assert!(!session.contains("israel"), "{session}");
    let session = ("auth_session", &*session);
    for wrong in
        [&[session][..], &[session, ("otp", "1")], &[session, ("username", "israel"), ("password", "imru")]]
    {
        let answered = server.challenge("app", wrong).await;
        is_error(&answered, "insufficient_authorization");
        assert_eq!(answered.1["auth_session"], session.1);
    }
    // It is bound to its client, and to its time.
    is_error(&server.challenge("other-app", &[session, ("otp", "123456")]).await, "invalid_session");
    let (status, answered) = server.challenge("app", &[session, ("otp", "123456")]).await;
    assert_eq!(status, 200, "{answered}");
    server.advance(600);
    is_error(&server.challenge("app", &[session, ("otp", "123456")]).await, "invalid_session");
    // Wrong answers count as wrong passwords do.
    let (_, again) = server.challenge("app", &[("username", "israel"), ("password", "imru")]).await;
    let session = ("auth_session", &*string(&again, "auth_session"));
    for _ in 0..20 {
        is_error(&server.challenge("app", &[session, ("otp", "1")]).await, "insufficient_authorization");
    }
    assert_eq!(server.challenge("app", &[session, ("otp", "123456")]).await.0, 429);
}

#[tokio::test]
async fn it_is_off_unless_it_is_turned_on() {
    let server = server().await;
    assert_eq!(server.challenge("spa", &[]).await.0, 404);
    let (_, metadata) = answer(server.get("/.well-known/oauth-authorization-server", None).await);
    assert_eq!(metadata.get("authorization_challenge_endpoint"), None);
    let server = server_for(FirstPartySignIn::new()).await;
    let (_, metadata) = answer(server.get("/.well-known/oauth-authorization-server", None).await);
    assert_eq!(metadata["authorization_challenge_endpoint"], format!("{ISSUER}/oauth/authorize-challenge"));
    let without_code = gridauth::GridAuth::builder(ISSUER).store(gridauth::Store::memory());
    let error = without_code.first_party_sign_in(FirstPartySignIn::new()).build().await.unwrap_err();
    assert!(error.to_string().contains("code grant"), "{error}");
}
