//! Token exchange (RFC 8693) with a policy, with tokens of another issuer, and with tokens that are bound to a key. What holds in the demo is
//! in the conformance suite.

use gridauth::env::Clock;
use gridauth::grant::{Exchange, Extension, TokenDraft, TokenExchange, TrustedIssuer};
use gridauth::http::BearerToken;
use gridauth::jose::{Algorithm, KeySet, PrivateKey};
use gridauth::model::AuthMethod;
use gridauth::protocol::OAuthError;
use gridauth::token::{Binding, Secret};
use gridauth::{Access, Builder, Client};
use serde_json::{Value, json};

use crate::support::*;

const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
const ELSEWHERE: &str = "https://elsewhere.example.com";

/// A server with the clients web, orders and the public app, which may exchange tokens.
async fn server_for(grant: TokenExchange, configure: impl FnOnce(Builder) -> Builder) -> Server {
    let server = server_with(|builder| configure(builder.grant(grant))).await;
    let grant_types = ["password", "refresh_token", "client_credentials", EXCHANGE];
    for id in ["web", "orders"] {
        let client = server.auth.confidential_client(id, &format!("{id}-secret")).await.unwrap();
        let client = client.grant_types(grant_types).response_types([""; 0]).scope("notes.read notes.write");
        server.auth.put_client_unchecked(client.build().unwrap()).await.unwrap();
    }
    let app =
        Client::public("app").grant_types(["password", EXCHANGE]).response_types([""; 0]).scope("notes.read");
    server.auth.put_client_unchecked(app.auth_method(AuthMethod::None).build().unwrap()).await.unwrap();
    server.auth.put_user("miriam", &Secret::from("ship"), "miriam", Default::default()).await.unwrap();
    server
}

impl Server {
    async fn ask_as(&self, client: &str, form: &[(&str, &str)]) -> (u16, Value) {
        if client == "app" {
            return answer(self.post("/oauth/token", &[], &[form, &[("client_id", "app")]].concat()).await);
        }
        let authorization = basic(client, &format!("{client}-secret"));
        answer(self.post("/oauth/token", &[("authorization", &authorization)], form).await)
    }

    async fn token_of(&self, client: &str, user: &str, password: &str) -> String {
        let form = [("grant_type", "password"), ("username", user), ("password", password)];
        let (status, tokens) = self.ask_as(client, &form).await;
        assert_eq!(status, 200, "{tokens}");
        string(&tokens, "access_token")
    }

    async fn exchange(&self, client: &str, subject: &str, kind: &str, more: &[(&str, &str)]) -> (u16, Value) {
        let form = [("grant_type", EXCHANGE), ("subject_token", subject), ("subject_token_type", kind)];
        self.ask_as(client, &[&form[..], more].concat()).await
    }

    async fn access(&self, token: &str) -> Option<Access> {
        self.auth.authenticate(&BearerToken::new(token)).await.ok()
    }
}

#[track_caller]
fn is_error((status, error): (u16, Value), expected: &str) {
    assert_eq!((status, error["error"].as_str()), (400, Some(expected)), "{error}");
}

#[tokio::test]
async fn a_policy_lets_a_service_exchange_what_it_receives() {
    let grant = TokenExchange::new().policy(|exchange: &Exchange<'_>| {
        exchange.client().id() == "orders" && exchange.subject().client_id() == Some("web")
    });
    let server = server_for(grant, |builder| builder).await;
    let subject = server.token_of("web", "israel", "imru").await;
    is_error(server.exchange("web", &subject, ACCESS_TOKEN, &[]).await, "invalid_request");
    let (status, answered) =
        server.exchange("orders", &subject, ACCESS_TOKEN, &[("scope", "notes.read")]).await;
    assert_eq!(status, 200, "{answered}");
    let exchanged = string(&answered, "access_token");
    let access = server.access(&exchanged).await.unwrap();
    assert_eq!(
        (access.user(), access.client(), access.scope().as_str()),
        (Some("israel"), "orders", "notes.read")
    );
    // It is the token of the client that got it, at introspection and revocation too.
    for (client, is_active) in [("orders", true), ("web", false)] {
        let authorization = basic(client, &format!("{client}-secret"));
        let headers = [("authorization", &*authorization)];
        let (_, told) = answer(server.post("/oauth/introspect", &headers, &[("token", &exchanged)]).await);
        assert_eq!(told["active"], is_active, "{client}: {told}");
        if is_active {
            assert_eq!(told["client_id"], "orders", "{told}");
        }
    }
    let revoke = |client: &'static str, token: String| {
        let server = &server;
        async move {
            let authorization = basic(client, &format!("{client}-secret"));
            let headers = [("authorization", &*authorization)];
            server.post("/oauth/revoke", &headers, &[("token", &token)]).await.status().as_u16()
        }
    };
    assert_eq!(revoke("web", exchanged.clone()).await, 400);
    assert!(server.access(&exchanged).await.is_some());
    assert_eq!(revoke("orders", exchanged.clone()).await, 200);
    assert!(server.access(&exchanged).await.is_none() && server.access(&subject).await.is_some());
    // It ends with the grant of the user all the same.
    let (_, answered) = server.exchange("orders", &subject, ACCESS_TOKEN, &[]).await;
    server.auth.revoke_user("israel").await.unwrap();
    assert!(server.access(&string(&answered, "access_token")).await.is_none());
}

#[tokio::test]
async fn a_policy_sees_who_acts() {
    let grant = TokenExchange::new().policy(|exchange: &Exchange<'_>| {
        exchange.actor().is_some_and(|actor| actor.user() == Some("miriam"))
    });
    let server = server_for(grant, |builder| builder).await;
    let (israel, miriam) =
        (server.token_of("web", "israel", "imru").await, server.token_of("orders", "miriam", "ship").await);
    is_error(server.exchange("web", &israel, ACCESS_TOKEN, &[]).await, "invalid_request");
    let by_israel = [("actor_token", &*israel), ("actor_token_type", ACCESS_TOKEN)];
    is_error(server.exchange("web", &israel, ACCESS_TOKEN, &by_israel).await, "invalid_request");
    let by_miriam = [("actor_token", &*miriam), ("actor_token_type", ACCESS_TOKEN)];
    let (status, answered) = server.exchange("web", &israel, ACCESS_TOKEN, &by_miriam).await;
    assert_eq!(status, 200, "{answered}");
    let access = server.access(&string(&answered, "access_token")).await.unwrap();
    assert_eq!(access.actor(), Some(&json!({"sub": "miriam", "client_id": "orders"})));
    assert_eq!(access.user(), Some("israel"));
}

struct Elsewhere(PrivateKey);

impl Elsewhere {
    fn new() -> Self {
        Self(PrivateKey::generate(Algorithm::Es256).unwrap())
    }

    fn trusted(&self) -> TokenExchange {
        let keys = KeySet::new([self.0.public().clone()]);
        TokenExchange::new().trust_issuer(TrustedIssuer::with_keys(ELSEWHERE, keys, |claims| async move {
            Ok(claims
                .get("email")
                .and_then(Value::as_str)
                .and_then(|email| email.strip_suffix("@example.com"))
                .map(str::to_owned))
        }))
    }

    fn claims(server: &Server) -> Value {
        let now = server.clock.now().as_secs();
        json!({"iss": ELSEWHERE, "sub": "U017", "email": "israel@example.com", "aud": ISSUER, "exp": now + 300, "scope": "notes.read"})
    }

    fn sign(&self, claims: &Value) -> String {
        gridauth::jose::sign(&self.0, "at+jwt", claims).unwrap()
    }
}

#[tokio::test]
async fn a_token_of_a_trusted_issuer_is_exchanged() {
    let elsewhere = Elsewhere::new();
    let server = server_for(elsewhere.trusted(), |builder| builder).await;
    let mut claims = Elsewhere::claims(&server);
    claims["act"] = json!({"sub": "before"});
    let subject = elsewhere.sign(&claims);
    let (status, answered) = server.exchange("web", &subject, JWT, &[]).await;
    assert_eq!(status, 200, "{answered}");
    assert!(
        answered["expires_in"].as_u64() <= Some(300) && answered.get("refresh_token").is_none(),
        "{answered}"
    );
    let exchanged = string(&answered, "access_token");
    let access = server.access(&exchanged).await.unwrap();
    assert_eq!(
        (access.user(), access.client(), access.scope().as_str()),
        (Some("israel"), "web", "notes.read")
    );
    assert_eq!(access.actor(), Some(&json!({"sub": "before"})));
    is_error(server.exchange("web", &subject, JWT, &[("scope", "notes.write")]).await, "invalid_scope");
    is_error(server.exchange("web", &subject, JWT, &[("resource", ELSEWHERE)]).await, "invalid_target");
    is_error(server.exchange("web", &subject, ACCESS_TOKEN, &[]).await, "invalid_request");
    is_error(server.exchange("app", &subject, JWT, &[]).await, "unauthorized_client");
    server.advance(300);
    assert!(server.access(&exchanged).await.is_none());
    is_error(server.exchange("web", &subject, JWT, &[]).await, "invalid_request");
}

#[tokio::test]
async fn a_token_of_another_issuer_that_is_not_good_is_refused() {
    let elsewhere = Elsewhere::new();
    let server = server_for(elsewhere.trusted(), |builder| builder).await;
    let now = server.clock.now().as_secs();
    for (claim, value) in [
        ("iss", json!("https://evil.example.com")),
        ("aud", json!("https://api.example.com")),
        ("aud", json!([])),
        ("exp", json!(now)),
        ("exp", json!(now + 100_000)),
        ("nbf", json!(now + 100)),
        ("email", json!("nobody@example.com")),
        ("email", json!("israel@evil.example.com")),
        ("scope", json!(["notes.read"])),
        ("cnf", json!({"jkt": "x"})),
        ("sub", json!(7)),
        ("may_act", json!({"sub": "somebody"})),
    ] {
        let mut claims = Elsewhere::claims(&server);
        claims[claim] = value.clone();
        let (status, error) = server.exchange("web", &elsewhere.sign(&claims), JWT, &[]).await;
        assert_eq!(
            (status, error["error"].as_str()),
            (400, Some("invalid_request")),
            "{claim} {value}: {error}"
        );
    }
    let forged = Elsewhere::new().sign(&Elsewhere::claims(&server));
    is_error(server.exchange("web", &forged, JWT, &[]).await, "invalid_request");
    let id_token = gridauth::jose::sign(&elsewhere.0, "logout+jwt", &Elsewhere::claims(&server)).unwrap();
    is_error(server.exchange("web", &id_token, JWT, &[]).await, "invalid_request");
    // Whom it names may act: the client itself, here.
    let mut claims = Elsewhere::claims(&server);
    claims["may_act"] = json!({"sub": "web"});
    assert_eq!(server.exchange("web", &elsewhere.sign(&claims), JWT, &[]).await.0, 200);
}

/// Binds tokens to the key that a request names. A real one would ask for a proof.
struct Bound;

#[gridauth::async_trait]
impl Extension for Bound {
    fn name(&self) -> &str {
        "bound"
    }

    fn prepares_tokens(&self, _client: &Client) -> bool {
        true
    }

    async fn prepare_token(&self, draft: &mut TokenDraft<'_>) -> Result<(), OAuthError> {
        if let Some(key) = draft.parameter("key") {
            draft.bind(Binding::Key(key.into()));
        }
        Ok(())
    }
}

#[tokio::test]
async fn a_bound_token_is_not_exchanged_for_one_that_is_not() {
    let server = server_for(TokenExchange::new(), |builder| builder.extension(Bound)).await;
    let form = [("grant_type", "password"), ("username", "israel"), ("password", "imru"), ("key", "one")];
    let (_, tokens) = server.ask_as("web", &form).await;
    assert_eq!(tokens["token_type"], "DPoP", "{tokens}");
    let subject = string(&tokens, "access_token");
    is_error(server.exchange("web", &subject, ACCESS_TOKEN, &[]).await, "invalid_request");
    is_error(server.exchange("web", &subject, ACCESS_TOKEN, &[("key", "two")]).await, "invalid_request");
    let (status, answered) = server.exchange("web", &subject, ACCESS_TOKEN, &[("key", "one")]).await;
    assert_eq!((status, &answered["token_type"]), (200, &json!("DPoP")), "{answered}");
    // A token that is bound to nobody may become one that is.
    let free = server.token_of("web", "israel", "imru").await;
    let (_, answered) = server.exchange("web", &free, ACCESS_TOKEN, &[("key", "two")]).await;
    assert_eq!(answered["token_type"], "DPoP", "{answered}");
    // A bound token of an actor proves nothing here.
    let actor = [("actor_token", &*subject), ("actor_token_type", ACCESS_TOKEN), ("key", "one")];
    is_error(server.exchange("web", &free, ACCESS_TOKEN, &actor).await, "invalid_request");
}
